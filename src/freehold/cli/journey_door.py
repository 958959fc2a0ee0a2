"""The door of a journey, a real `freehold up` as a child process, and what is done with it: the commands beside it, and callers who ask it.

It knows command lines and HTTP, and nothing of what a journey wants. It exists so that a journey is what a person could type: every change is one
`freehold` command, run as such and shown, and every question goes through the official SDK to the same address that any caller has.
"""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.cli.running import Running, get
from freehold.errors import FreeholdError, JourneyError, NotConfigured

READY_SECONDS: Final = 1200.0
"""The first start may fetch the weights of the incumbent."""

END_SECONDS: Final = 60.0
INTERRUPTED_SECONDS: Final = 10.0
AT_ONCE: Final = 4
"""Callers that ask at the same time."""

HIDDEN: Final = ("FREEHOLD_API_KEY", "FREEHOLD_DATA")
"""Of the environment: what would lead a command to another door."""

Ran = Callable[[Sequence[str]], None]


class House:
    """`freehold up` on the journey's configuration. `told` is given each line that it says on stdout."""

    def __init__(self, data: Path, config: Path, log: Path, port: int | None, environ: Mapping[str, str]) -> None:
        self._data, self._config, self._log, self._port = data, config, log, port
        self._environ = {name: value for name, value in environ.items() if name not in HIDDEN}
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self.url = ""

    def start(self, told: Callable[[str], None]) -> None:
        """Starts it and comes back when it can serve. Raises JourneyError with what it said when it cannot."""
        argv = [*_command("up"), "--data", str(self._data), "--config", str(self._config)]
        if self._port is not None:
            argv += ["--port", str(self._port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=self._environ
            )
        threading.Thread(target=self._listen, args=(self._process, told), daemon=True).start()
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready.wait(0.1):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise JourneyError(f"The door did not come up: {_last(self._log)}", f"Its log is {self._log}.")

    def reload(self) -> None:
        """Has it read its configuration anew, without a request dropped."""
        self._signal(signal.SIGHUP)

    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return None if self._process is None else self._process.poll()

    def wait(self) -> int:
        """Waits until it has ended by itself."""
        return 0 if self._process is None else self._process.wait()

    def stop(self) -> None:
        """Ends it: it drains, and what it journaled is in the ledger then."""
        if self._process is None or self._process.poll() is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _listen(self, process: "subprocess.Popen[str]", told: Callable[[str], None]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            told(line.rstrip("\n"))
            if line.startswith("ready "):
                self.url = line.removeprefix("ready ").strip()
                self._ready.set()


class Commands:
    """`freehold` commands on one data folder, each a process of its own, as a person would run it. `ran` is shown each before it runs."""

    def __init__(self, data: Path, folder: Path, environ: Mapping[str, str], ran: Ran) -> None:
        """`folder` is where they run, with the configuration in it."""
        self._data, self._folder, self._ran = data, folder, ran
        self._environ = {name: value for name, value in environ.items() if name not in HIDDEN}

    def __call__(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        """What it says as JSON; exit codes outside of `codes` raise JourneyError with its own sentence. The rest may say nothing."""
        done = self.run(*words)
        if done.returncode not in codes or (done.returncode and not done.stdout.strip()):
            raise JourneyError(f"`freehold {' '.join(words)}` failed: {_sentence(done.stderr)}")
        return msgspec.json.decode(done.stdout) if done.stdout.strip() else None

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs it to its end, whatever that is. Whoever is interrupted meanwhile interrupts it, so that it ends what it has begun."""
        process = self.begin(*words)
        try:
            out, err = process.communicate()
        except BaseException:
            interrupt(process)
            raise
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """Starts it; whoever called waits for it."""
        self._ran(words)
        argv = [*_command(*words), "--data", str(self._data), "--json"]
        return subprocess.Popen(  # noqa: S603 - our own command
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environ,
            cwd=self._folder,
        )


def interrupt(process: "subprocess.Popen[str]") -> None:
    """Ends a command as Ctrl-C does, and for good where that does not help."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=INTERRUPTED_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


class Question(Struct, frozen=True, kw_only=True):
    """What a caller asks: the text, a name for the conversation, and the right answer, which only the caller knows."""

    text: str
    conversation: str
    right: str


class Asked(Struct, frozen=True, kw_only=True):
    """What came back: the answer without its reasoning and the reasoning, which model, the receipt's id, seconds; `wrong` says why nothing came."""

    question: Question
    text: str = ""
    reasoning: str = ""
    model: str = ""
    receipt: str = ""
    seconds: float = 0.0
    wrong: str = ""


class Callers:
    """The workload's callers: the official OpenAI SDK, pointed at the door with a key of its own."""

    def __init__(self, url: str, key: str, workload: str, most_tokens: int) -> None:
        """Raises NotConfigured without the SDK."""
        self._openai = sdk()
        self._client: Any = self._openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=1, timeout=300)
        self._workload, self._most_tokens = workload, most_tokens

    def ask_all(self, questions: Iterator[Question], enough: Callable[[], bool]) -> Iterator[Asked]:
        """Asks one after the other, some at once, until there are no more or `enough` says so; gives each answer as it comes. What was asked by then
        is waited for."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            running: set[Future[Asked]] = set()
            over = False
            while running or not over:
                while not over and len(running) < AT_ONCE:
                    question = None if enough() else next(questions, None)
                    over = question is None
                    if question is not None:
                        running.add(pool.submit(self.ask, question))
                done, running = (
                    wait(running, return_when=FIRST_COMPLETED) if running else (set[Future[Asked]](), running)
                )
                for one in done:
                    yield one.result()

    def ask(self, question: Question) -> Asked:
        """One question and its answer."""
        began = time.monotonic()
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model=self._workload,
                messages=[{"role": "user", "content": question.text}],
                max_tokens=self._most_tokens,
                temperature=0,
                extra_headers={"x-freehold-conversation": question.conversation},
            )
        except self._openai.OpenAIError as error:
            return Asked(question=question, seconds=time.monotonic() - began, wrong=str(error))
        message = raw.parse().choices[0].message
        return Asked(
            question=question,
            text=message.content or "",
            reasoning=getattr(message, "reasoning_content", None) or "",
            model=raw.headers.get("x-freehold-model", ""),
            receipt=raw.headers.get("x-freehold-receipt", ""),
            seconds=time.monotonic() - began,
        )

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


def sdk() -> Any:
    """The module of the official SDK. Raises NotConfigured, which says what to install, when it is not there."""
    try:
        return importlib.import_module("openai")
    except ImportError as error:
        raise NotConfigured(
            f"The journey's callers use the official OpenAI SDK, which cannot be imported: {error}.",
            "Install the extra: `pip install freehold[journey]`.",
        ) from error


def served(door: Running, model: str) -> bool:
    """Whether the door would ask this very model for who names it."""
    try:
        found = get(door, f"/v1/routes/explain?model={model}")
    except FreeholdError:
        return False
    return found["targets"][0]["deployment"] == model


def routed(door: Running, workload: str, model: str) -> bool:
    """Whether the workload's own route begins with this model now."""
    try:
        found = get(door, f"/v1/routes/explain?workload={workload}")
    except FreeholdError:
        return False
    return found["targets"][0]["deployment"] == model


def wait_until(
    holds: Callable[[], bool], what: str, seconds: float, ended: Callable[[], object] = lambda: None
) -> None:
    """Looks until something another process does has happened. Raises JourneyError when it has not in so many seconds, or that process is gone."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline or ended() is not None:
            raise JourneyError(f"It did not come to this: {what}.")
        time.sleep(0.2)


def children_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for what is not Freehold: without what would let it find our packages."""
    return {name: value for name, value in environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "freehold", *words]


def _sentence(stderr: str) -> str:
    """What a command says when it fails: its sentence, with the hint after it; of a trace the last line."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    hints = [place for place, line in enumerate(lines) if line.startswith("hint: ")]
    if hints and hints[-1]:
        place = hints[-1]
        return f"{lines[place - 1]} {lines[place].removeprefix('hint: ')}"
    return lines[-1] if lines else "it said nothing."


def _last(log: Path) -> str:
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000), os.SEEK_SET)
        return _sentence(file.read().decode(errors="replace"))
    return "it said nothing."
