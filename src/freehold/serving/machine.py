"""What this machine has for engines: cores, and ports that nobody listens on."""

import math
import os
import secrets
import socket
from pathlib import Path

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

PORTS = range(20_000, 32_000)
"""Below the ports that Linux (from 32,768) and macOS (from 49,152) give to outgoing connections: while an engine is
restarted nothing else takes its port, and a door that tries to connect meanwhile cannot be connected to itself."""


def cores(quota: Path = CPU_QUOTA) -> int:
    """CPU cores that this process may use: those it is bound to, or fewer under a container's quota (cgroup v2)."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return max(1, min(bound, math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return bound


def free_ports(count: int) -> list[int]:
    """So many different loopback ports that nobody listens on now."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(PORTS)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
