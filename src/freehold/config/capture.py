"""The table `capture` of a workload: its list `redact` names rules and holds patterns, each judged where it stands."""

import re
from typing import cast

from msgspec import UNSET, UnsetType

from freehold.config.file import File, listed, suggest
from freehold.config.positions import KeyPath
from freehold.config.settings import REDACT_RULES, Capture, RedactPattern
from freehold.config.tables import pairs_of, table
from freehold.config.values import shown

WORD = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


def capture(file: File, path: KeyPath, written: object) -> Capture | UnsetType:
    """The table, UNSET with the problems noted when it cannot be used."""
    found = table(file, path, written, Capture, readers={"redact": _redact})
    return UNSET if found is None else found


def _redact(file: File, path: KeyPath, written: object) -> tuple[str | RedactPattern, ...] | UnsetType:
    if not isinstance(written, list):
        file.wrong(path, f"must be a list, not {shown(written)}.", 'Write redact = ["email", "phone"].')
        return UNSET
    entries = cast("list[object]", written)
    found = [_entry(file, (*path, index), entry) for index, entry in enumerate(entries)]
    kept = tuple(entry for entry in found if entry is not None)
    return kept if len(kept) == len(entries) else UNSET


def _entry(file: File, path: KeyPath, entry: object) -> str | RedactPattern | None:
    if isinstance(entry, str):
        if entry in REDACT_RULES:
            return entry
        file.wrong(
            path,
            f"is {shown(entry)}, and there is no such rule.",
            suggest(entry, REDACT_RULES) or f"There are {listed(REDACT_RULES)}.",
        )
        return None
    if pairs_of(entry) is None:
        advice = 'Write { name = "CUSTOMER", pattern = "C-[0-9]{6}" }.'
        file.wrong(path, f"must be the name of a rule or a table, not {shown(entry)}.", advice)
        return None
    found = table(file, path, entry, RedactPattern)
    return None if found is None or not _usable(file, path, found) else found


def _usable(file: File, path: KeyPath, found: RedactPattern) -> bool:
    if WORD.fullmatch(found.name) is None:
        said = f"is {shown(found.name)}, which cannot stand in a placeholder."
        file.wrong((*path, "name"), said, "Use capital letters, digits and _.")
        return False
    try:
        everywhere = re.compile(found.pattern).fullmatch("") is not None
    except re.error as problem:
        file.wrong((*path, "pattern"), f"is no regular expression: {problem}.", "A backslash is written twice in TOML.")
        return False
    if everywhere:
        file.wrong((*path, "pattern"), "fits an empty text, so it would stand everywhere.", "Make it need something.")
    return not everywhere
