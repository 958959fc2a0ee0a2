"""Cores and ports of this machine."""

import os
import socket
from pathlib import Path

import pytest

from freehold.serving import machine
from freehold.serving.machine import cores, free_ports


def test_free_ports_are_different_and_free_and_not_given_to_outgoing_connections() -> None:
    found = free_ports(200)
    assert len(set(found)) == 200
    assert all(20_000 <= port < 32_000 for port in found)


def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = free_ports(2)
    with socket.create_server(("127.0.0.1", taken)):
        monkeypatch.setattr(machine, "PORTS", [taken, free])
        assert free_ports(1) == [free]


@pytest.mark.parametrize(("quota", "at_most"), [("100000 100000\n", 1), ("150000 100000\n", 2), ("1000 100000\n", 1)])
def test_a_containers_quota_caps_the_cores(quota: str, at_most: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert 1 <= cores(tmp_path / "cpu.max") <= at_most


@pytest.mark.parametrize("quota", ["max 100000\n", "", "nonsense", None])
def test_without_a_quota_the_cores_are_those_of_this_process(quota: str | None, tmp_path: Path) -> None:
    path = tmp_path / "cpu.max"
    if quota is not None:
        path.write_text(quota)
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert cores(path) == bound
