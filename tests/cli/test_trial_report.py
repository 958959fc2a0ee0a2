"""`freehold trial report`: the page, the Markdown and the JSON of a trial that was really run."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from cli.trial_desk import desk
from freehold.cli.trial_opening import entries_about
from freehold.errors import NotFound
from freehold.gateway.erasures import erase
from trials.skilled import is_right, questions


def lost() -> dict[str, object]:
    """A question that only the incumbent answers right."""
    return next(
        line
        for line in questions(60)
        if is_right("right-80", str(line["input"])) and not is_right("right-74", str(line["input"]))
    )


def lost_item() -> str:
    return str(lost()["id"])


async def test_a_trial_is_reported_as_page_markdown_and_json(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(60, "--segments", "metadata.language")
        with pytest.raises(NotFound, match="no results yet"):
            await here.trial("report", trial)
        await here.trial("run", trial)
        path = tmp_path / "page.html"
        path.touch(0o644)
        said = await here.trial("report", trial, "--out", str(path))
        assert said.stdout == f"{path}\n"
        assert path.stat().st_mode & 0o777 == 0o600  # it holds contents
        await asyncio.to_thread(here.door.write_ledger)
        looked = [entry for entry, _ in entries_about(tmp_path, lost_item()) if entry["kind"] == "contents.read"]
        assert [(entry["command"], entry["trial"]) for entry in looked] == [("trial report", trial)]
        page = path.read_text()
        assert str(lost()["input"]) in page
        assert page.count("<article>") == 40 or "more differ" not in page
        assert "entry " in page
        markdown = (await here.trial("report", trial, "--markdown")).stdout
        assert markdown.startswith("# skilled/right-74 against skilled/right-80 on sums")
        assert str(lost()["input"]) not in markdown
        data = msgspec.json.decode((await here.trial("report", trial, "--json")).stdout)
        assert data["noted"]["planned_entry"] is not None
        assert data["noted"]["ended_entry"] is not None
        assert {point["model"] for point in data["points"]} == {"skilled/right-74", "skilled/right-80"}


async def test_a_page_without_contents_holds_none_and_an_erased_subject_is_in_no_page(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(30, candidate="skilled/right-0")
        await here.trial("run", trial)
        bare = tmp_path / "bare.html"
        await here.trial("report", trial, "--out", str(bare), "--no-contents")
        assert "What is 3 + 21?" not in bare.read_text()
        (usual := tmp_path / "usual").touch()
        assert bare.stat().st_mode == usual.stat().st_mode  # it may be shown around
        plan = msgspec.json.decode((tmp_path / "trials" / trial / "plan.json").read_bytes())
        assert erase(tmp_path, f"import:{plan['source_sha256']}", "GDPR Art. 17") is not None
        page = tmp_path / "page.html"
        await here.trial("report", trial, "--out", str(page))
        assert "cannot be opened any more" in page.read_text()
