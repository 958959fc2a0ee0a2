"""Promoted versions as engines of the house, and the change from one to another while requests are answered."""

import asyncio
import hashlib
import importlib.util
import json
import os
import re
import signal
from pathlib import Path
from unittest.mock import Mock

import pytest
from msgspec import Raw
from msgspec.structs import replace

from cli.commands import run_beside
from cli.house_running import freehold, house, until
from cli.model_shelf import GGUF, blob_of, models, people, promoted, word
from freehold.catalog.weights import NAMED, kept_at
from freehold.cli.promoted import (
    Changeover,
    Serving,
    Wanted,
    child_name,
    held_places,
    promoted_engines,
    read_serving,
    write_serving,
)
from freehold.cli.settings import known_vendors
from freehold.cli.written import Written, with_promoted
from freehold.config.reading import read
from freehold.config.settings import Engine, Settings
from freehold.errors import FetchError, NotConfigured, RegistryError
from freehold.processes import Child, Supervisor
from freehold.serving.groups import Group, grouped
from freehold.serving.launch import EngineSpec
from freehold.training.registry import Registry
from freehold.vendors.own import Mind, Served, traits_of
from serving.tiny_models import adapter, bare

BARE = "[vendors.echo]\n"


def settings(tmp_path: Path, toml: str) -> Settings:
    path = tmp_path / "freehold.toml"
    (tmp_path / "mine.gguf").write_bytes(b"GGUF")
    path.write_text(toml)
    return read(path, {}, known_vendors())


def forced(data: Path, version: str) -> None:
    """Lets a version serve that the command would refuse, as an earlier one did not."""
    registry = Registry(data / "models")
    registry.promote(registry.find(version), {"trial": "trial_1"})


def blob(data: Path, name: str = "nano") -> str:
    return str(blob_of(data, name))


def test_every_promoted_model_is_an_engine_beside_those_of_the_configuration(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    given = settings(tmp_path, BARE + '[own.mine]\nweights = "mine.gguf"\n')
    found = promoted_engines(tmp_path, given).engines
    assert found == {"nano": Engine(name="nano", weights=blob(tmp_path))}
    merged = with_promoted(given, found)
    assert sorted(merged.own) == ["mine", "nano"]


def test_the_vendor_own_is_there_although_no_table_names_one(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    given = settings(tmp_path, BARE)
    assert "own" not in given.vendors
    assert with_promoted(given, promoted_engines(tmp_path, given).engines).vendors["own"].like == "own"
    assert with_promoted(given, {}) is given


def test_a_table_goes_before_the_registry_unless_it_points_there(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    fixed = settings(tmp_path, BARE + '[own.nano]\nweights = "mine.gguf"\n')
    assert promoted_engines(tmp_path, fixed).engines == {}
    points = settings(tmp_path, BARE + '[own.nano]\nweights = "registry"\ncontext = 512\nparallel = 2\n')
    assert promoted_engines(tmp_path, points).engines["nano"] == Engine(
        name="nano", weights=blob(tmp_path), context=512, parallel=2
    )


def test_a_table_that_points_to_nothing_yet_is_refused_by_itself(tmp_path: Path) -> None:
    given = settings(tmp_path, BARE + '[own.nano]\nweights = "registry"\n')
    wanted = promoted_engines(tmp_path, given)
    assert wanted.engines == {}
    assert [(name, type(error)) for name, error in wanted.refused.items()] == [("nano", NotConfigured)]
    assert str(wanted.refused["nano"]).startswith("[own.nano] is to serve the promoted version")
    assert held_places(wanted, given) == {"nano": given.own["nano"]}


def test_a_version_whose_file_cannot_be_served_is_refused_by_itself(tmp_path: Path) -> None:
    for name, content in (("a", b"<html>Not found</html>"), ("nano", GGUF)):
        (tmp_path / f"{name}.gguf").write_bytes(content)
        models(tmp_path, "add", name, str(tmp_path / f"{name}.gguf"), "--licence", "MIT")
        forced(tmp_path, f"{name}@1")
    given = settings(tmp_path, BARE + '[own.a]\nweights = "registry"\ncontext = 512\n')
    wanted = promoted_engines(tmp_path, given)
    assert wanted.engines == {"nano": Engine(name="nano", weights=blob(tmp_path))}
    assert [(name, type(error)) for name, error in wanted.refused.items()] == [("a", FetchError)]
    assert str(wanted.refused["a"]).endswith(" are not a GGUF file: it does not begin with GGUF.")
    held = held_places(wanted, given)
    assert held == {"a": given.own["a"], **wanted.engines}


def test_vllm_is_given_the_files_of_the_version_under_their_own_names(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text('{"max_position_embeddings": 256}')
    models(tmp_path, "add", "claims", str(folder), "--licence", "MIT")
    with pytest.raises(RegistryError, match=r"own/claims@1 has no GGUF file, which llama\.cpp needs"):
        models(tmp_path, "promote", "claims@1", *word(tmp_path))
    own = BARE + '[own.claims]\nweights = "registry"\nengine = "vllm"\n'
    given = settings(tmp_path, own + people(tmp_path).read_text())
    models(tmp_path, "promote", "claims@1", *word(tmp_path), "--config", str(tmp_path / "freehold.toml"))
    engine = promoted_engines(tmp_path, given).engines["claims"]
    assert (engine.engine, engine.context) == ("vllm", 256)
    assert (Path(engine.weights) / "model.safetensors").read_bytes() == b"weights"
    assert sorted(path.name for path in Path(engine.weights).iterdir()) == ["config.json", "model.safetensors"]
    assert promoted_engines(tmp_path, given).engines["claims"] == engine


def test_what_the_house_says_is_what_a_worker_reads(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    traits = traits_of(
        "llama.cpp", Mind(thinks=True, switch="enable_thinking"), {"lora": Raw(b'[{"id":0,"scale":1.0}]')}
    )
    served = Served(base_url="http://127.0.0.1:9/x/v1", weights="a" * 64, headers={"x": "y"}, traits=traits)
    engine = Engine(name="nano", weights="w.gguf", command=("vllm", "serve"))
    write_serving(tmp_path, {"nano": served}, {})
    write_serving(tmp_path, {"nano": replace(served, weights="b" * 64)}, {"nano": engine})
    found = read_serving(tmp_path)
    assert found == Serving({"nano": replace(served, weights="b" * 64)}, {"nano": engine})
    assert found.weights == {"nano": "b" * 64}
    assert (tmp_path / "run" / "engines.json").stat().st_mode & 0o777 == 0o600


async def test_no_two_engines_are_called_the_same_whatever_their_models_are_called(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    started: list[str] = []

    class Seen(Supervisor):
        def start(self, child: Child) -> None:
            started.append(child.name)

    def spec(group: Group) -> EngineSpec:
        models = {name: Served(base_url="http://127.0.0.1:9") for name in group.names}
        return EngineSpec(name=group.engine.name, argv=("engine",), environ={}, health="", models=models)

    one = BARE + '[own."nano-1"]\nweights = "mine.gguf"\n'
    before, after = settings(tmp_path, one), settings(tmp_path, one + '[own.nano]\nweights = "mine.gguf"\n')
    first, supervisor = spec(grouped(before.own)[0]), Seen()
    started.append(child_name(first))
    change = Changeover(
        tmp_path,
        supervisor,
        [first],
        before.own,
        Wanted({}, {}),
        written=Written(before, Mock()),
        plan=spec,
        usable=Mock(),
    )
    assert await change.take_up(lambda: after)
    assert len(started) == len(set(started)) == 2


SERVED = """
    [vendors.echo]

    [timeouts]
    total = 30.0

    [own.nano]
    weights = "registry"
    context = 256
    parallel = 2
    threads = 1

    [workloads.default]
    route = ["requested"]
    retries = 0
"""


TABLE = """
[own.second]
weights = "nano"
context = 256
threads = 1

[workloads.second]
route = ["own/second"]
"""


@pytest.fixture(scope="module")
def weights() -> Path:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("llama.cpp is not installed")
    return kept_at(NAMED["nano"], Path())


async def test_a_promotion_a_rollback_and_a_new_table_under_load_drop_no_request(weights: Path, tmp_path: Path) -> None:
    content = weights.read_bytes()
    digests: list[str] = []
    for number in (1, 2):
        # The same model with bytes after its end, which llama.cpp does not read: another version all the same.
        path = tmp_path / f"v{number}" / "nano.gguf"
        path.parent.mkdir()
        path.write_bytes(content + bytes(31 * number))
        digests.append(hashlib.sha256(content + bytes(31 * number)).hexdigest())
        words = ("add", "nano", str(path), "--licence", "Apache-2.0", "--data", str(tmp_path / "data"))
        assert freehold("models", *words).returncode == 0
    words = (*word(tmp_path), "--data", str(tmp_path / "data"))
    assert (await run_beside("models", "promote", "nano@1", *words)).exit_code == 0
    async with house(tmp_path, SERVED) as running:
        statuses: list[int] = []
        loading = True

        async def ask() -> None:
            while loading:
                statuses.append((await running.say("own/nano", "1+2=?", max_tokens=4)).status)
                await asyncio.sleep(0.02)

        def newest() -> str | None:
            """The version that gave the newest answer: a worker takes a new one up a moment after it serves."""
            return max(running.records(), key=lambda one: one.started_at).weights if running.records() else None

        callers = [asyncio.create_task(ask()) for _ in range(3)]
        await until(lambda: len(statuses) >= 3, "requests are answered")
        await run_beside("models", "promote", "nano@2", *words)
        await until(lambda: read_serving(running.data).weights["nano"] == digests[1], "the new version serves")
        await until(lambda: newest() == digests[1], "the new version answers")
        assert (await running.say("own/nano", "1+2=?", max_tokens=4)).status == 200
        await run_beside("models", "rollback", "nano", "--data", str(running.data))
        await until(lambda: read_serving(running.data).weights["nano"] == digests[0], "the version before serves again")
        await until(lambda: newest() == digests[0], "the version before answers again")
        written = running.config.read_text()
        running.config.write_text(written + TABLE)
        running.process.send_signal(signal.SIGHUP)

        async def answers() -> bool:
            return (await running.say("second", "1+2=?", max_tokens=4)).status == 200

        await until(answers, "a model of a new table answers, by a route that is as new")
        running.config.write_text(written)
        running.process.send_signal(signal.SIGHUP)
        await until(lambda: set(read_serving(running.data).models) == {"nano"}, "a table that is gone has no engine")

        async def unknown() -> bool:
            return (await running.say("own/second", "1+2=?", max_tokens=4)).status == 404

        await until(unknown, "nobody knows the model of a table that is gone")
        loading = False
        await asyncio.gather(*callers)
        assert set(statuses) == {200}
        await until(lambda: len(running.records()) >= len(statuses), "every record is stored")
        stored = lambda: {one.deployment for one in running.records()}  # noqa: E731
        await until(lambda: "own/second" in stored(), "those of every worker are")
        told = [one for one in sorted(running.records(), key=lambda one: one.started_at) if one.status == "answered"]
        answered = [one.weights for one in told if one.deployment == "own/nano"]
        assert set(answered) == set(digests)
        assert {one.weights for one in told if one.deployment == "own/second"} == {NAMED["nano"].sha256}
        assert (answered[0], answered[-1]) == (digests[0], digests[0])
        await until(lambda: len(running.engines()) == 1, "the engines that were replaced have ended")


async def test_a_promotion_does_not_take_up_what_was_written_since(weights: Path, tmp_path: Path) -> None:
    digests: list[str] = []
    for number in (1, 2):
        path = tmp_path / f"v{number}" / "nano.gguf"
        path.parent.mkdir()
        path.write_bytes(content := weights.read_bytes() + bytes(31 * number))
        digests.append(hashlib.sha256(content).hexdigest())
        words = ("add", "nano", str(path), "--licence", "Apache-2.0", "--data", str(tmp_path / "data"))
        assert freehold("models", *words).returncode == 0
    words = (*word(tmp_path), "--data", str(tmp_path / "data"))
    assert (await run_beside("models", "promote", "nano@1", *words)).exit_code == 0
    async with house(tmp_path, SERVED.replace("total = 30.0", "total = 1.0")) as running:

        async def answers() -> bool:
            return (await running.say("own/nano", "1+2=?", max_tokens=4)).status == 200

        await until(answers, "the first version answers")
        # A route to a model that nothing serves: no worker could take this up.
        running.config.write_text(running.config.read_text() + TABLE)
        assert (await run_beside("models", "promote", "nano@2", *words)).exit_code == 0
        await until(lambda: read_serving(running.data).weights["nano"] == digests[1], "the new version serves")
        await until(lambda: len(running.engines()) == 1, "the engine before has ended")
        for pid in running.workers().values():
            os.kill(pid, signal.SIGKILL)
        await until(answers, "workers that start anew answer with the new version")
        assert (await running.say("second", "1+2=?", max_tokens=4)).status == 404


async def test_a_version_whose_file_was_changed_in_the_registry_does_not_answer_in_its_name(
    weights: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    words = (*word(tmp_path), "--data", str(data))
    assert freehold("models", "add", "nano", str(weights), "--licence", "MIT", "--data", str(data)).returncode == 0
    assert (await run_beside("models", "promote", "nano@1", *words)).exit_code == 0
    changed = Path(blob(data))
    changed.chmod(0o600)
    changed.write_bytes(weights.read_bytes() + bytes(32))  # it can be served all the same
    async with house(tmp_path, SERVED) as running:
        answer = await running.say("own/nano", "1+2=?", max_tokens=4)
        assert (answer.status, answer.json["error"]["code"]) == (503, "engine-down")
        log = running.log.read_text()
        assert "own/nano is not served as it should be, requests for it are refused: The file " in log
        assert (
            f"of own/nano is not what was registered: it has the SHA-256 {hashlib.sha256(changed.read_bytes()).hexdigest()[:12]}"
            in log
        )


MIXED = """
    [vendors.echo]

    [own.nano]
    weights = "registry"
    context = 256
    threads = 1

    [own.coming]
    weights = "registry"
    context = 256
    threads = 1

    [workloads.default]
    route = ["requested"]
    retries = 0

    [workloads.spared]
    route = ["own/bad", "echo/echo"]
    retries = 0
"""


async def test_a_version_that_cannot_be_served_keeps_back_itself_alone(weights: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def serve(name: str, path: Path, *more: str) -> None:
        """Registers a version and lets it serve."""
        added = await run_beside(
            "models", "add", name, str(path), "--licence", "MIT", "--json", "--data", str(data), *more
        )
        await asyncio.to_thread(forced, data, json.loads(added.stdout)["id"])

    def sound(number: int) -> Path:
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(weights.read_bytes() + bytes(number))
        return path

    (tmp_path / "junk.gguf").write_bytes(b"<html>Not found</html>")
    await serve("nano", sound(1))
    await serve("adapter", adapter(tmp_path / "other.gguf", "7"), "--base", "own/nano@1")  # of a model of another width
    await serve("bad", tmp_path / "junk.gguf")
    await serve("empty", bare(tmp_path / "empty.gguf"))
    async with house(tmp_path, MIXED) as running:  # it is ready all the same

        async def status(model: str) -> int:
            return (await running.say(model, "1+2=?", max_tokens=4)).status

        def told(what: str) -> int:
            return running.log.read_text().count(what)

        assert await status("own/nano") == 200
        for name in ("adapter", "bad", "coming", "empty"):
            answer = await running.say(f"own/{name}", "1+2=?")
            assert (answer.status, answer.json["error"]["code"]) == (503, "engine-down")
            assert answer.json["error"]["message"].startswith(f"No engine serves own/{name} now.")
        assert await status("spared") == 200
        refused = "is not served as it should be, requests for it are refused: The"
        assert told(f"own/bad {refused} weights of own/bad at") == 1
        for name in ("adapter", "empty"):
            assert told(f"own/{name} {refused} engine of own/{name} ended 3 times before it answered.") == 1
        assert (
            told("own/coming is not served as it should be, requests for it are refused: [own.coming] is to serve") == 1
        )
        # The configuration can be read anew beside those.
        running.config.write_text(running.config.read_text() + TABLE.replace("second", "early"))
        running.process.send_signal(signal.SIGHUP)

        async def answers(model: str) -> bool:
            return await status(model) == 200

        await until(lambda: answers("early"), "a table is taken up beside a bad version")
        assert [await status(name) for name in ("own/bad", "own/coming")] == [503, 503]
        await serve("coming", sound(4))
        await until(lambda: answers("own/coming"), "the first version of a table serves")
        # One that was bad is taken up; the next one is worse, and a model that is sorted after it changes over.
        await serve("bad", sound(2))
        await until(lambda: read_serving(data).models["bad"].base_url, "the sound version serves")
        await serve("bad", bare(tmp_path / "worse.gguf", context=64))
        await serve("nano", sound(3))
        third = hashlib.sha256(sound(3).read_bytes()).hexdigest()
        await until(lambda: read_serving(data).weights["nano"] == third, "a model after the bad one changes over")
        worse = "own/bad is not served as it should be, the one before stays: The engine of own/bad ended 3 times"
        await until(lambda: told(worse), "the failure is said")
        running.config.write_text(running.config.read_text() + TABLE)
        running.process.send_signal(signal.SIGHUP)
        await until(lambda: answers("second"), "a table is taken up beside it")
        assert [await status(name) for name in ("own/bad", "own/nano", "second", "own/empty")] == [200, 200, 200, 503]
        ends = re.compile(r"engine-empty-\d+ ended")
        await until(lambda: len(ends.findall(running.log.read_text())) >= 6, "it was tried again")
        assert (told(worse), told(f"own/empty {refused}")) == (1, 1)
