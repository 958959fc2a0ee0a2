"""How far a journey is: every fact on the disk at once, and a configuration that the door takes."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from freehold.catalog.catalog import Catalog
from freehold.cli.journey_state import Setup, State, begun, configuration, list_price
from freehold.cli.people import people_in
from freehold.cli.settings import known_vendors
from freehold.config.reading import read
from freehold.config.settings import Settings
from freehold.errors import JourneyError
from freehold.ledger.word import read_key

VKEY = "journey+66a0676d+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"

SETUPS = (
    Setup(route="own/smollm2-135m"),
    Setup(route="own/smollm2-135m", own=("refund-trial",)),
    Setup(route="own/smollm2-135m", own=("refund",), shadow="own/refund"),
    Setup(route="own/refund", own=("refund", "refund-next")),
)


def settings(folder: Path, incumbent: str, setup: Setup) -> Settings:
    path = folder / "freehold.toml"
    path.write_text(configuration(incumbent, setup, VKEY))
    return read(path, {"OPENAI_API_KEY": "secret"}, known_vendors())


@pytest.mark.parametrize("setup", SETUPS)
def test_every_configuration_of_the_way_can_be_used(tmp_path: Path, setup: Setup) -> None:
    found = settings(tmp_path, "own/smollm2-135m", setup)
    job = found.workloads["refund-policy"]
    assert [target.model for target in job.route] == [setup.route]
    assert set(found.own) == {"smollm2-135m", *setup.own}
    assert (job.shadow.model if job.shadow else "") == setup.shadow
    assert [(budget.nano, budget.hard) for budget in job.budget] == [(1_000_000_000, True)]


def test_a_rented_incumbent_is_asked_at_its_vendor_and_keeps_its_own_price(tmp_path: Path) -> None:
    found = settings(tmp_path, "openai/gpt-5-mini", Setup(route="openai/gpt-5-mini"))
    assert "openai" in found.vendors
    assert not found.own
    assert not found.prices


def test_the_stand_in_is_billed_what_it_stands_for(tmp_path: Path) -> None:
    prices = settings(tmp_path, "own/smollm2-135m", Setup(route="own/smollm2-135m")).prices
    catalog = Catalog.load()
    row = catalog.find("openai", "gpt-5-mini")
    assert row is not None
    listed = catalog.price_at(row, datetime.now(UTC).date())
    assert listed is not None
    stand_in = prices["own/smollm2-135m"]
    assert (stand_in.input, stand_in.output) == (listed.input, listed.output)


def test_what_the_catalog_does_not_know_stands_for_nothing() -> None:
    with pytest.raises(JourneyError, match="knows no price of openai/none-such"):
        list_price("openai/none-such")


def test_what_is_noted_is_there_for_the_next_call(tmp_path: Path) -> None:
    first = State(tmp_path)
    first.note("train", run="refund-1")
    first.spend("train", 2.5, done=False)
    first.note("train", weights="ab")
    first.spend("train", 1.5, done=True)
    first.set_up(Setup(route="own/refund", own=("refund",)))
    again = State(tmp_path)
    assert begun(tmp_path)
    assert again.facts("train") == {"run": "refund-1", "weights": "ab"}
    assert (again.done("train"), again.kept.stages["train"].seconds) == (True, 4.0)
    assert again.kept.setup == Setup(route="own/refund", own=("refund",))
    assert not again.done("trial")


def test_nobody_else_can_read_what_callers_asked(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.note("traffic", example="words")
    state.write_config()
    assert {path.stat().st_mode & 0o077 for path in state.folder.iterdir()} == {0}


def test_a_journey_has_one_key_of_its_own_which_its_configuration_names(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.write_config()
    first = people_in(state.config)
    assert first == {"journey": read_key(tmp_path / "journey" / "journey.key").verifier}
    State(tmp_path).set_up(Setup(route="own/refund", own=("refund",)))
    assert people_in(state.config) == first


def test_a_journey_is_not_gone_on_with_with_another_incumbent(tmp_path: Path) -> None:
    State(tmp_path, "openai/gpt-5-mini").note("traffic", asked=1)
    assert State(tmp_path).kept.incumbent == "openai/gpt-5-mini"
    with pytest.raises(JourneyError, match="was begun with openai/gpt-5-mini, not with own/x"):
        State(tmp_path, "own/x")


def test_a_damaged_state_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.note("traffic", asked=1)
    path = tmp_path / "journey" / "state.json"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(JourneyError, match="cannot be read") as caught:
        State(tmp_path)
    assert "Move it away" in caught.value.advice
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(path.read_bytes())
