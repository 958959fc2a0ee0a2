"""What was asked and answered on one item, opened to be read: out of the sealed contents, or of the item itself."""

from typing import Any

import msgspec

from freehold.cli.audit_reading import read_turns
from freehold.errors import ContentsDamaged, SubjectErased
from freehold.items import Given
from freehold.trials.plan import Plan
from freehold.trials.report import Disagreement
from freehold.trials.results import Row, Told
from freehold.trials.run import Loaded
from freehold.trials.samples import Replies


def disagreement(plan: Plan, row: Row, loaded: Loaded | str, replies: Replies) -> Disagreement:
    """One item with the texts of both models; a text that cannot be opened any more is None."""
    name = plan.graders[0].name
    mine, theirs = row.candidate.scores.get(name), row.incumbent.scores.get(name)
    item = loaded.item if isinstance(loaded, Loaded) else None
    return Disagreement(
        item=row.item,
        difference=(mine or 0.0) - (theirs or 0.0),
        asked=None if item is None else asked_of(item.input),
        reference=None if item is None else _reference(item.reference),
        candidate=None if item is None else _said(row.candidate, replies, None),
        incumbent=None if item is None else _said(row.incumbent, replies, item.given),
        candidate_score=mine,
        incumbent_score=theirs,
        candidate_reason=row.candidate.reasons.get(name, ""),
        incumbent_reason=row.incumbent.reasons.get(name, ""),
        segments=row.segments,
    )


def asked_of(body: dict[str, Any]) -> str:
    """A request as its turns."""
    turns = read_turns(msgspec.json.encode(body))
    return (
        "\n\n".join(f"{who}: {text}" for who, text in turns) if len(turns) > 1 else turns[0][1] if turns else str(body)
    )


def text_of(given: Given) -> str:
    """A reply as a person reads it: its text, and the tools that it called."""
    calls = [f"{use.name}({use.arguments})" for use in given.tool_uses]
    return "\n".join(part for part in (given.text, *calls) if part)


def _said(told: Told, replies: Replies, captured: Given | None) -> str | None:
    if not told.keys:
        return None
    try:
        kept = replies.find(told.keys[0])
    except (SubjectErased, ContentsDamaged):
        return None
    if kept is not None:
        return text_of(kept.given)
    return text_of(captured) if captured is not None else None


def _reference(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
