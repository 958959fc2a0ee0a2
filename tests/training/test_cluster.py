"""A Ray cluster of two nodes on this machine passes what the local executor passes (`test_executor.py`), and keeps a run whose caller is gone."""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import NotConfigured, TrainingError
from freehold.training import cluster
from freehold.training.cluster import RayExecutor, executor_of
from freehold.training.executor import Executor, LocalExecutor
from training.executing import calibrates, fails_to_calibrate, python, run, starts

WITH_RAY = find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not WITH_RAY, reason="needs the extra `ray`")

CALLER = """
import sys
from pathlib import Path
from freehold.training.cluster import RayExecutor
from freehold.training.runs import RunFolder
RayExecutor(sys.argv[1], sys.argv[2]).start(RunFolder(Path(sys.argv[3])))
"""


@pytest.fixture(scope="module", name="address")
def _address(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a cluster of two nodes on the loopback address, each with one CPU and processes of its own."""
    address = f"127.0.0.1:{free_port()}"
    head = ["--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false"]
    with (
        node(*head, log=tmp_path_factory.mktemp("head")),
        node(f"--address={address}", log=tmp_path_factory.mktemp("node")),
    ):
        yield address
        importlib.import_module(
            "ray"
        ).shutdown()  # a process that is still in a cluster whose head goes is ended with it


@contextlib.contextmanager
def node(*options: str, log: Path) -> Generator[None]:
    """A node, from when it is up to when its processes have ended."""
    ray = "from ray.scripts.scripts import main; main()"
    command = [sys.executable, "-u", "-c", ray, "start", "--block", "--num-cpus=1", "--disable-usage-stats"]
    said = log / "said.txt"
    with said.open("wb") as file:
        child = subprocess.Popen(
            [*command, "--node-ip-address=127.0.0.1", *options], stdout=file, stderr=file, start_new_session=True
        )
    try:
        until = time.monotonic() + 120
        while b"Ray runtime started" not in said.read_bytes():
            assert child.poll() is None, said.read_text()
            assert time.monotonic() < until, said.read_text()
            time.sleep(0.1)
        yield
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:  # a head now and then waits for a node that has gone
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(30)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(name="executor")
def _executor(address: str, tmp_path: Path) -> Executor:
    return RayExecutor(address, str(tmp_path / "python"))


@pytest.mark.skipif(WITH_RAY, reason="the extra is there")
def test_without_the_extra_it_says_what_to_install() -> None:
    with pytest.raises(NotConfigured, match="needs `ray`") as caught:
        executor_of("auto", {})
    assert "freehold[ray]" in caught.value.advice


def test_without_an_address_it_is_this_machine() -> None:
    assert isinstance(executor_of(None, {}), LocalExecutor)


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_a_node_starts_a_run_and_measures_as_this_machine_does(executor: Executor, tmp_path: Path) -> None:
    starts(executor, tmp_path)
    calibrates(executor, tmp_path)
    fails_to_calibrate(executor, tmp_path)


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_runs_go_on_at_once_on_both_nodes(executor: Executor, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    python(
        tmp_path,
        f"touch {marks}/$$; for n in $(seq 2000); do [ $(ls {marks} | wc -l) = 2 ] && exit 0; sleep 0.05; done; exit 9",
    )
    jobs = [executor.start(run(tmp_path / name)) for name in ("a", "a2")]
    assert [job.wait() for job in jobs] == [0, 0]


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_a_run_goes_on_when_its_caller_is_gone(address: str, tmp_path: Path) -> None:
    place = run(tmp_path)
    shell = python(tmp_path, f'sleep 1; echo done > "{tmp_path}/said"')
    subprocess.run([sys.executable, "-c", CALLER, address, shell, str(place.path)], check=True)
    assert not (tmp_path / "said").exists()
    until = time.monotonic() + 120
    while not (tmp_path / "said").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert (tmp_path / "said").read_text() == "done\n"


class Counting:
    """Ray, where there are two GPUs: a run does what it does, and what it takes is noted."""

    def __init__(self) -> None:
        self.taken: list[tuple[object, object]] = []

    def is_initialized(self) -> bool:
        return True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 8.0, "GPU": 2.0}

    def options(self, **needs: object) -> "Counting":
        self.taken.append((needs["num_cpus"], needs["num_gpus"]))
        return self

    def remote(self, *_: object) -> Any:
        return self


def test_each_process_of_a_run_takes_a_cpu_and_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ray = Counting()
    monkeypatch.setattr(cluster, "_library", lambda: ray)
    RayExecutor("auto").start(run(tmp_path, processes=2))
    assert ray.taken == [(2, 2)]


class Silent:
    """Ray, when nobody answers at an address."""

    @staticmethod
    def is_initialized() -> bool:
        return False

    @staticmethod
    def init(**_: object) -> None:
        raise ConnectionError("ran into a deadline")


def test_a_cluster_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_library", Silent)
    with pytest.raises(TrainingError, match=r"No Ray cluster answers at 127\.0\.0\.1:1: ran into a deadline\."):
        RayExecutor("127.0.0.1:1")
