"""`freehold items show`: everything of one item, and nothing that could fool a terminal."""

from pathlib import Path

import pytest

from cli.shelved import command, fill, told
from freehold.cli.items import open_items
from freehold.errors import NotFound
from freehold.items import Given, Label, ToolUse
from trials.shelves import KEEP_UNTIL, item


def test_a_person_reads_what_was_asked_said_and_held_of_it(tmp_path: Path) -> None:
    label = Label(source="human", score=0.5, model="m", at=60_000, by="ann", note="Half.")
    given = Given(text="It is\n4.\x1b[2J", tool_uses=(ToolUse(name="add", arguments="{}"),), finish="tool_calls")
    with open_items(tmp_path, make=True) as opened:
        whole = item(1, "What is it?", given=given, reference=["4"], labels=(label,), cost_nano=1_500_000)
        opened.items.add([whole], KEEP_UNTIL, "s")
    assert command("show", "rec_1", data=tmp_path).stdout == (
        "rec_1  triage  1970-01-01 00:00:01.001  echo/echo\n"
        "split -, cluster -, seen 1 x, 0.0015 USD\n"
        "\n[user]\n  What is it?\n"
        "\n[reply (tool_calls)]\n  It is\n  4.\\x1b[2J\n  add({})\n"
        '\n[right]\n  ["4"]\n'
        "label 0.5 (human by ann, 1970-01-01 00:01:00.000): Half.\n"
    )


def test_machines_get_the_item_as_it_is_exported_and_what_was_proposed(tmp_path: Path) -> None:
    found = told("show", "rec_2", data=fill(tmp_path))
    assert (found["id"], found["given"], found["proposed"], found["seen"]) == ("rec_2", {"text": "Answer 2"}, [], 1)


def test_an_item_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no item 'rec_9'"):
        command("show", "rec_9", data=fill(tmp_path))
