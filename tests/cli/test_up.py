"""`freehold up` from the outside: the line that says it is ready, the first key, the options, and how it says no."""

import json
import re
import signal
import socket
from pathlib import Path

import pytest

from cli.house_running import freehold, house

ECHO = "[vendors.echo]\n"


async def test_ready_is_said_on_stdout_when_it_answers_and_nothing_else_is(tmp_path: Path) -> None:
    async with house(tmp_path, ECHO) as door:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", door.url)
        assert (await door.say("echo/echo", "hi")).status == 200
        assert (await door.ask(None, "/readyz")).body == b"ready\n"
    assert (tmp_path / "up.out").read_text() == f"ready {door.url}\n"


async def test_the_first_key_is_private_and_stays_at_the_next_start(tmp_path: Path) -> None:
    async with house(tmp_path, ECHO) as door:
        path = door.data / "admin.key"
        assert re.fullmatch(r"fh_[0-9a-zA-Z]{43}\n", path.read_text())
        assert path.stat().st_mode & 0o777 == 0o600
        assert door.data.stat().st_mode & 0o777 == 0o700
        assert f"The admin key stands in {path}." in door.log.read_text()
        assert door.key not in door.log.read_text()
        first = door.key
    async with house(tmp_path, ECHO) as door:
        assert door.key == first
        assert (await door.say("echo/echo", "hi")).status == 200
        assert [key["name"] for key in json.loads(await door.cli("keys", "list", "--json"))] == ["admin"]


async def test_other_commands_find_the_door_for_as_long_as_it_runs(tmp_path: Path) -> None:
    async with house(tmp_path, ECHO) as door:
        assert json.loads((door.data / "run" / "door.json").read_text()) == {"url": door.url, "pid": door.process.pid}
        assert await door.cli("call", "hello", "-m", "echo/echo") == "hello\n"
        assert await door.end(signal.SIGINT) == 0
        gone = freehold("call", "hello", "--data", str(door.data))
        assert (gone.returncode, gone.stdout) == (1, "")
        assert gone.stderr == (
            f"No door is running on the data folder {door.data}.\nhint: Start one with `freehold up`.\n"
        )


async def test_what_the_file_says_holds_and_options_go_before_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        toml = f'[vendors.echo]\n[door]\nworkers = 3\nport = {port}\nhost = "192.0.2.1"\n'  # RFC 5737: nobody's address
        async with house(tmp_path, toml, "--host", "127.0.0.1") as door:
            assert door.port != port
            assert sorted(door.workers()) == [0, 1, 2]
    async with house(tmp_path, "[vendors.echo]\n[door]\nworkers = 3\n", "--workers", "1", "--json") as door:
        assert sorted(door.workers()) == [0]
        line = (tmp_path / "up.out").read_text()
        assert line.count("\n") == 1
        assert json.loads(line) == {
            "ready": f"http://127.0.0.1:{door.port}",
            "data": str(tmp_path / "data"),
            "admin_key": str(tmp_path / "data" / "admin.key"),
            "models": [],
        }


async def test_an_address_of_ipv6_is_written_as_urls_write_it(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    async with house(tmp_path, ECHO, "--host", "::1") as door:
        assert door.url == f"http://[::1]:{door.port}"
        assert await door.cli("call", "hello", "-m", "echo/echo") == "hello\n"


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = freehold("up", "--port", port, "--data", str(tmp_path), "--config", str(configured(tmp_path, ECHO)))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Cannot listen on 127.0.0.1:{port}: Address already in use.\n"
        "hint: Choose another port with --port, or --port 0 for any.\n"
    )
    assert not (tmp_path / "run" / "door.json").exists()


def test_a_configuration_that_cannot_be_used_starts_nothing(tmp_path: Path) -> None:
    config = configured(tmp_path, "[vendors.echo]\n[workloads.a]\nrout = []\n")
    done = freehold("up", "--port", "0", "--data", str(tmp_path / "data"), "--config", str(config))
    assert (done.returncode, done.stdout) == (1, "")
    assert f'{config}, line 3: [workloads.a] has no setting "rout". Did you mean "route"?' in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_model_whose_weights_are_no_weights_is_told_before_anything_answers(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_text("<html>Not found</html>")
    config = configured(tmp_path, '[own.mine]\nweights = "mine.gguf"\n')
    done = freehold("up", "--port", "0", "--data", str(tmp_path / "data"), "--config", str(config))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"The weights of own/mine at {tmp_path}/mine.gguf are not a GGUF file: ")


@pytest.mark.parametrize(
    ("option", "value"), [("--workers", "0"), ("--workers", "65"), ("--port", "-1"), ("--port", "65536")]
)
def test_a_number_out_of_range_is_a_wrong_command_line(option: str, value: str, tmp_path: Path) -> None:
    done = freehold("up", option, value, "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert option in done.stderr
    assert not (tmp_path / "data").exists()


def configured(folder: Path, toml: str) -> Path:
    path = folder / "freehold.toml"
    path.write_text(toml)
    return path
