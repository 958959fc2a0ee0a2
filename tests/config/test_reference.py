"""The reference page: what the declarations say, no more and no less."""

from pathlib import Path

from msgspec import Struct

from freehold.config import customers, settings
from freehold.config.reference import SECTIONS, render
from freehold.config.settings import Secret, Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_the_committed_page_is_the_one_that_the_declarations_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "Run python -m freehold.config.reference > " + str(PAGE)


def test_every_table_that_is_declared_is_on_the_page() -> None:
    declared = {
        thing
        for thing in [*vars(settings).values(), *vars(customers).values()]
        if isinstance(thing, type) and issubclass(thing, Struct) and thing not in (Struct, Settings, Secret)
    }

    assert {struct for _, struct in SECTIONS} == declared


def test_a_setting_is_shown_with_type_default_and_meaning() -> None:
    rows = render().splitlines()

    assert "| `port` | a whole number from 0 to 65535 | `8080` | Port to listen on; 0 takes a free one. |" in rows
    assert "| `usd` | dollars, at least 0 | needed | The cap, in US dollars. |" in rows
    assert '| `api_key` | a reference to a secret | none | The key: { env = "NAME" } or { file = "PATH" }. |' in rows
    assert "| `ca_file` | a path | none | PEM file with the certificate authorities to trust. |" in rows
    assert (
        '| `route` | a list of "vendor/model" and tables | needed | Which models may answer, first to last. |' in rows
    )
