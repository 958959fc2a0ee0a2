"""A process that pretends to check traces: it does what the question of a task says. Run by the tests of the tracer.

die      ends without an answer          hang     never answers
garble   answers what is no answer       slow     answers after a third of a second
anything else: answers at once, with its process number as the time that it took
"""

import os
import sys
import time

import msgspec

from freehold.gateway.checker import Ready
from freehold.gateway.frames import frame
from freehold.gateway.traces import Checked, Task


def main() -> None:
    out = sys.stdout.buffer
    out.write(frame(Ready(("fake/1",), {"units": "not-configured"})))
    out.flush()
    while len(head := sys.stdin.buffer.read(4)) == 4:
        task = msgspec.json.decode(sys.stdin.buffer.read(int.from_bytes(head, "big")), type=Task)
        if task.question == "die":
            os._exit(3)
        if task.question == "hang":
            time.sleep(60)
        if task.question == "slow":
            time.sleep(0.3)
        if task.question == "garble":
            out.write(b"\x00\x00\x00\x02[]")
        else:
            body = {"status": "checked", "chain": task.chain_is, "took_us": os.getpid()}
            counts = dict.fromkeys(("steps", "steps_checked", "verified", "refuted", "unsupported", "not_checkable"), 1)
            out.write(frame(Checked(body=body | counts, document=task.answer.encode(), salt=b"\x01" * 32)))
        out.flush()


if __name__ == "__main__":
    main()
