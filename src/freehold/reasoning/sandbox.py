"""Untrusted Python, run where it can reach nothing: no network, no files but the language itself, bounded in
everything.

It knows how to shut a process in and nothing of what it runs. It exists because a claim about what code prints can only
be checked by running it, and code that a model wrote is code that a stranger wrote.

How, on Linux: `unshare` gives new user, mount, network, process and message namespaces. Inside them a small program of
ours, before any untrusted line, builds a root of its own in memory (the interpreter, its standard library and the
system's shared libraries, read only; one empty writable folder of a bounded size), moves into it, gives up every
capability, bounds memory, processor time and files, refuses new processes, sockets and the rarer system calls
(seccomp), and only then becomes the interpreter, isolated (`-I -S`) and without an environment.
When the time is over the first process of the namespace is killed, and with it everything in it; and so it is, by the
kernel, when whoever runs it is killed: nobody would look at the time then.

Where any of this is not to be had, nothing is run: `usable` tries it once, and asks the inside what it can reach.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

MAX_OUTPUT: Final = 64 << 10
MEMORY_BYTES: Final = 256 << 20
FOLDER_BYTES: Final = 16 << 20
UNSHARE: Final = ("/usr/bin/unshare", "/bin/unshare")
NAMESPACES: Final = (
    "--user",
    "--map-root-user",
    "--mount",
    "--net",
    "--pid",
    "--ipc",
    "--uts",
    "--fork",
    "--kill-child",
)


class Ran(msgspec.Struct, frozen=True):
    """What came of it. `stdout` is cut at MAX_OUTPUT bytes; `late` says that it was killed for time."""

    stdout: str
    stderr: str
    code: int
    late: bool
    cut: bool


def run_python(source: str, seconds: float) -> Ran | None:
    """Runs the source as a program with no input; None where this machine cannot shut it in."""
    unshare = next((path for path in UNSHARE if Path(path).exists()), None)
    if unshare is None or not sys.platform.startswith("linux"):
        return None
    with tempfile.TemporaryDirectory(prefix="sandbox-") as root:
        out, err = Path(root) / "out", Path(root) / "err"
        (Path(root) / "root").mkdir()
        with out.open("wb") as stdout, err.open("wb") as stderr:
            child = subprocess.Popen(  # noqa: S603 - the sandbox's own start; the source arrives inside
                [
                    *(sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), unshare, *NAMESPACES),
                    *(sys.executable, "-I", "-S", "-c", _INSIDE, *_arguments(root, seconds)),
                ],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                cwd="/",
                env={},
                start_new_session=True,
            )
            late = _fed(child, source, seconds)
        written, told = out.read_bytes()[: MAX_OUTPUT + 1], err.read_bytes()[:MAX_OUTPUT]
    if child.returncode == _NOT_SHUT_IN or b"unshare:" in told[:200]:
        return None
    text = written[:MAX_OUTPUT].decode(errors="replace")
    return Ran(text, told.decode(errors="replace"), child.returncode, late, len(written) > MAX_OUTPUT)


def usable(seconds: float = 10.0) -> bool:
    """Whether code can be shut in here: a probe inside must find no network, no file of ours and nothing to write
    to."""
    ran = run_python(_PROBE, seconds)
    return ran is not None and ran.stdout == "shut in\n"


def _fed(child: subprocess.Popen[bytes], source: str, seconds: float) -> bool:
    try:
        child.communicate(source.encode(), timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return True


def _arguments(root: str, seconds: float) -> list[str]:
    """Root, seconds, sizes, the interpreter, then every folder of the system that it needs."""
    executable = os.path.realpath(sys.executable)
    needed: list[str] = []
    for path in ("/lib", "/lib64", "/usr/lib", "/usr/lib64", sys.base_prefix, sys.base_exec_prefix):
        real = os.path.realpath(path)
        if Path(real).is_dir() and real not in ("/", "/usr") and not any(_within(real, other) for other in needed):
            needed.append(real)
    if not any(_within(executable, folder) for folder in needed):
        needed += [str(Path(executable).parent)]
        needed += [
            path for path in (str(Path(os.__file__).parent),) if not any(_within(path, folder) for folder in needed)
        ]
    bounds = (str(max(1, round(seconds))), str(MEMORY_BYTES), str(FOLDER_BYTES), str(MAX_OUTPUT * 2))
    return [f"{root}/root", *bounds, executable, *needed]


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


_NOT_SHUT_IN: Final = 113

_SYSTEM_CALLS: Final = {
    "x86_64": (
        0xC000003E,
        155,
        (56, 57, 58, 435, 41, 101, 272, 308, 165, 166, 155, 321, 298, 248, 249, 250, 425, 323, 246, 175, 313),
    ),
    "aarch64": (
        0xC00000B7,
        41,
        (220, 435, 198, 117, 97, 268, 40, 39, 41, 280, 241, 217, 218, 219, 425, 282, 104, 105, 273),
    ),
}
"""For each machine: its audit number, `pivot_root`, and the calls that are refused: clone, fork, vfork, clone3, socket,
ptrace, unshare, setns, mount, umount2, pivot_root, bpf, perf_event_open, those of keys, io_uring_setup, userfaultfd,
kexec, modules."""

# What becomes `unshare`, bound to the process of ours that waits for it (PR_SET_PDEATHSIG).
_TIED: Final = f"""
import ctypes, os, sys
try:
    tied = ctypes.CDLL(None).prctl(1, 9, 0, 0, 0) == 0 and os.getppid() == int(sys.argv[1])
    if tied: os.execv(sys.argv[2], sys.argv[2:])
finally: os._exit({_NOT_SHUT_IN})
"""

# The first process of the new namespaces, before anything untrusted; ctypes is loaded while files can be reached.
_INSIDE: Final = f"""
import ctypes, os, resource, struct, sys
def must(done):
    if done != 0: raise OSError(ctypes.get_errno(), "refused")
try:
    libc = ctypes.CDLL(None, use_errno=True)
    mount = lambda source, target, kind, flags, data=None: must(libc.mount(
        *(None if text is None else text.encode() for text in (source, target, kind)), flags, data and data.encode()))
    root, seconds, memory, folder, output, executable, *needed = sys.argv[1:]
    source = sys.stdin.buffer.read()
    RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
    mount(None, "/", None, PRIVATE | REC)
    mount("tmpfs", root, "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    for path in needed:
        os.makedirs(root + path, exist_ok=True)
        mount(path, root + path, None, BIND)
        try: mount(None, root + path, None, BIND | REMOUNT | RDONLY | NOSUID | NODEV)
        except OSError: mount(None, root + path, None, BIND | REMOUNT | RDONLY)
    for name in ("lib", "lib64"):
        if os.path.islink("/" + name) and not os.path.lexists(root + "/" + name):
            os.symlink(os.readlink("/" + name), root + "/" + name)
    os.makedirs(root + "/job"); os.makedirs(root + "/old")
    mount("tmpfs", root + "/job", "tmpfs", NOSUID | NODEV, "size=" + folder + ",mode=700")
    with open(root + "/job/program.py", "wb") as file: file.write(source)
    os.chdir(root)
    if libc.syscall({_SYSTEM_CALLS}[os.uname().machine][1], b".", b"old") != 0: raise OSError("pivot_root")
    os.chdir("/")
    must(libc.umount2(b"/old", 2))
    os.rmdir("/old")
    mount(None, "/", None, REMOUNT | RDONLY | NOSUID | NODEV)
    os.chdir("/job")
    limits = resource.setrlimit
    limits(resource.RLIMIT_CORE, (0, 0)); limits(resource.RLIMIT_NOFILE, (64, 64))
    limits(resource.RLIMIT_FSIZE, (int(output), int(output))); limits(resource.RLIMIT_NPROC, (8, 8))
    limits(resource.RLIMIT_AS, (int(memory), int(memory)))
    limits(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
    null = os.memfd_create("null"); os.dup2(null, 0)
    for capability in range(64): libc.prctl(24, capability, 0, 0, 0)
    must(libc.prctl(38, 1, 0, 0, 0))
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    must(libc.capset(ctypes.byref(header), ctypes.byref(none)))
    os.closerange(3, 256)
    arch, _, denied = {_SYSTEM_CALLS}[os.uname().machine]
    rules = [(0x20, 0, 0, 4), (0x15, 1, 0, arch), (6, 0, 0, 1 << 31), (0x20, 0, 0, 0)]
    rules += [(0x35, len(denied) + 1, 0, 1 << 30)]
    rules += [(0x15, len(denied) - place, 0, call) for place, call in enumerate(denied)]
    rules += [(6, 0, 0, 0x7FFF0000), (6, 0, 0, 0x50000 | 1)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    must(libc.prctl(22, 2, ctypes.byref((ctypes.c_size_t * 2)(len(rules), ctypes.addressof(program)))))
except BaseException as error:
    sys.stderr.write("not shut in: " + repr(error)); sys.stderr.flush()
    os._exit({_NOT_SHUT_IN})
os.execve(executable, [executable, "-I", "-S", "-B", "-X", "utf8", "/job/program.py"], {{}})
"""

_PROBE: Final = """
import os, socket
def refused(act):
    try: act()
    except Exception: return True
    return False
checks = [
    refused(lambda: socket.create_connection(("192.0.2.1", 80), 1)),
    refused(lambda: open("/etc/passwd")),
    refused(lambda: open("/escape", "w")),
    not any(os.path.exists(path) for path in ("/proc/1", "/etc", "/home", "/tmp", "/var", "/dev", "/old")),
    refused(lambda: os.sethostname("escaped")) if hasattr(os, "sethostname") else True,
    os.getcwd() == "/job", os.listdir("/job") == ["program.py"],
]
print("shut in" if all(checks) else checks)
"""
