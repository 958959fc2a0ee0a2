"""What the tests run in processes of their own, so that a SIGKILL, a full disk or a second owner is a real one.

`start(work, ...)` runs one of the functions below in a new interpreter; its arguments arrive as text.
"""

import contextlib
import itertools
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from random import Random

from freehold.config.customers import Quota
from freehold.errors import RecordNotKept
from freehold.store.callers import KeyBudget
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.drain import Drain
from freehold.store.folder import COUNTERS, JOURNAL, door_secret
from freehold.store.grants import BudgetDenied, Charge, Grant, Held, QuotaCharge
from freehold.store.journal import Journal
from freehold.store.presence import Presence
from freehold.store.table import Table
from store.samples import DAY, NOON, record

FOREVER = 10**9
MOST_COST = 1000


@contextlib.contextmanager
def start(work: Callable[..., None], *arguments: object) -> Generator[subprocess.Popen[str]]:
    """Runs `work` in a process of its own, whose standard output is a pipe; it is killed where the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "store.processes", work.__name__, *map(str, arguments)],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints, waited for."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def say(word: object) -> None:
    """Tells the test something."""
    os.write(1, f"{word}\n".encode())


def wait() -> None:
    """Waits to be killed."""
    while True:
        time.sleep(60)


# --- counters ---


def spend(data: str, worker: str, seed: str, operations: str) -> None:
    """Reserves, extends, settles and cancels at random, as worker `worker`, in one budget that all share, in one that
    half of the workers share, and in one of the day; the day turns on its way.

    Its ledger says what the vendor would bill: each line is with the kernel before the work that it stands for begins
    (`+` what may be billed), or before the settlement that follows it (`=` what was billed).
    """
    random = Random(int(seed))
    counters = Counters.open(Path(data) / COUNTERS, int(worker))
    budgets = shared_budgets(counters, int(worker))
    ledger = os.open(Path(data) / f"ledger-{worker}-{seed}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    running: dict[int, Grant] = {}
    turn = random.randrange(200, 2000)
    for number in range(int(operations)):
        now = NOON if number < turn else NOON + DAY
        nano = random.randrange(1, MOST_COST)
        if len(running) < 4 and random.random() < 0.6:
            outcome = counters.acquire(budgets, (), nano, 0, now)
            if isinstance(outcome, Grant):
                os.write(ledger, f"+ {number} {nano}\n".encode())
                running[number] = outcome
            continue
        if not running:
            continue
        chosen = random.choice(sorted(running))
        grant = running[chosen]
        if grant.nano < MOST_COST and random.random() < 0.3:
            if counters.extend(grant, nano, now):
                os.write(ledger, f"+ {chosen} {nano}\n".encode())
            continue
        cost = 0 if random.random() < 0.2 else random.randrange(grant.nano + 1)
        os.write(ledger, f"= {chosen} {cost}\n".encode())
        counters.settle(running.pop(chosen), cost, 0, now)
    for number, grant in running.items():
        os.write(ledger, f"= {number} {grant.nano}\n".encode())
        counters.settle(grant, grant.nano, 0, NOON + DAY)


ALL_LIMIT = 200_000
HALF_LIMIT = 150_000
DAY_LIMIT = 120_000


def shared_budgets(counters: Counters, worker: int) -> tuple[Charge, ...]:
    """The budgets of `spend`: of the month for all, of the month for half of the workers, of the day for all."""
    return (
        *counters.charges("workload", "all", (KeyBudget(ALL_LIMIT, "month"),)),
        *counters.charges("project", f"half-{worker % 2}", (KeyBudget(HALF_LIMIT, "month"),)),
        *counters.charges("key", "day", (KeyBudget(DAY_LIMIT, "day"),)),
    )


def count_fast(data: str, worker: str, operations: str) -> None:
    """Reserves and settles with nothing in between, as fast as it can; says what it spent."""
    counters = Counters.open(Path(data) / COUNTERS, int(worker))
    budgets = shared_budgets(counters, 0)[:1]
    spent = 0
    for number in range(int(operations)):
        outcome = counters.acquire(budgets, (), 10, 0, NOON)
        if isinstance(outcome, Grant):
            counters.settle(outcome, number % 3, 0, NOON)
            spent += number % 3
    say(spent)


def use_up(data: str, worker: str, seed: str) -> None:
    """Uses a quota of tokens, several requests at a time, until it says no to one with none of its own on their way; says what
    it used."""
    random = Random(int(seed))
    counters = Counters.open(Path(data) / COUNTERS, int(worker))
    quota = shared_quota(counters)
    running: list[Grant] = []
    used = 0
    while True:
        outcome = counters.acquire((), (), 0, 0, NOON, (Held(quota, random.randrange(1, 40)),))
        if isinstance(outcome, Grant):
            running.append(outcome)
        elif not running:
            return say(used)
        if running and (len(running) == 4 or not isinstance(outcome, Grant)):
            grant = running.pop(0)
            grant.model = quota.model
            tokens = random.randrange(grant.held[0].amount + 1)
            counters.settle(grant, 0, tokens, NOON)
            used += tokens


QUOTA = 20_000


def shared_quota(counters: Counters) -> QuotaCharge:
    """The quota of `use_up`, one for all."""
    (quota,) = counters.quotas("shop", "own/a", Quota(tokens=QUOTA))
    return quota


def reserve_and_wait(data: str, worker: str, nano: str) -> None:
    """Reserves `nano` in the budget of all, says so, and waits to be killed."""
    counters = Counters.open(Path(data) / COUNTERS, int(worker))
    outcome = counters.acquire(shared_budgets(counters, int(worker))[:1], (), int(nano), 0, NOON)
    assert not isinstance(outcome, BudgetDenied)
    say("reserved")
    wait()


def tell_generations(data: str) -> None:
    """Says the generation, then waits until it changes and says the new one."""
    counters = Counters.open(Path(data) / COUNTERS, None)
    before = counters.generation()
    say(before)
    while counters.generation() == before:
        time.sleep(0.001)
    say(counters.generation())


def hold_lock(path: str) -> None:
    """Takes the lock of the table at `path`, says so, and waits to be killed."""
    table = Table.open(Path(path))
    assert table is not None
    with table:
        table.words[10] = 1
        say("locked")
        wait()


def be_present(workers: str, worker: str) -> None:
    """Claims a worker's number, says so, and waits to be killed."""
    presence = Presence.claim(Path(workers), int(worker))
    say("present" if presence else "taken")
    wait()


# --- journal and drain ---


def write_records(data: str, worker: str, rotate_bytes: str) -> None:
    """Appends records for ever; says each number once its record is appended."""
    journal = Journal(Path(data) / JOURNAL, int(worker), int(rotate_bytes))
    for number in range(FOREVER):
        journal.append(record(number, key_id=f"key_{worker}", id=f"rec_{worker}_{number:06}"))
        say(number)


def write_into_full_disk(data: str, most_bytes: str) -> None:
    """Appends until a file may not grow past `most_bytes`, then once more with room again; says what was appended."""
    journal = Journal(Path(data) / JOURNAL, 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), resource.RLIM_INFINITY))
    for number in range(FOREVER):
        try:
            journal.append(record(number))
        except RecordNotKept as error:
            say(error.sentence)
            break
        say(number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    journal.append(record(999_999))
    say(999_999)
    wait()


def drain_and_die(data: str) -> None:
    """Drains the journal in the folder `data`/0 and is killed before its first statement, that in `data`/1 before its
    second, and so on, until a drain comes to its end; says how many were killed."""
    for number in itertools.count():
        folder = Path(data) / str(number)
        db = open_database(folder)
        db.close()
        _journal_of_three(folder)
        child = os.fork()
        if not child:
            _drain_until(folder, number)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            say(number)
            return


def _journal_of_three(folder: Path) -> None:
    """Two finished segments, of two records and of one; the last also has a line that cannot be read."""
    journal = Journal(folder / JOURNAL, 0, rotate_bytes=600)
    for number in range(3):
        journal.append(record(number))
    journal.close()
    with max((folder / JOURNAL).iterdir()).open("ab") as file:
        file.write(b"damaged\n")


def _drain_until(folder: Path, statements: int) -> None:
    left = statements

    def count(_: str) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    db = open_database(folder)
    db.set_trace_callback(count)
    Drain(db, folder / JOURNAL).drain_once()


def make_secret(data: str, moment: str) -> None:
    """Asks for the door's secret at the given time, and says it."""
    time.sleep(max(0.0, float(moment) - time.time()))
    say(door_secret(Path(data)).hex())


_WORKS = (
    spend,
    count_fast,
    use_up,
    reserve_and_wait,
    tell_generations,
    hold_lock,
    be_present,
    write_records,
    write_into_full_disk,
    drain_and_die,
    make_secret,
)

if __name__ == "__main__":
    {work.__name__: work for work in _WORKS}[sys.argv[1]](*sys.argv[2:])
