"""Format: the reply has the outer form that was asked for: JSON, Markdown, plain text, lines, a pattern.

It knows forms and no contents. It exists because a good answer in the wrong form breaks the program that reads it.
"""

import re
from typing import Annotated, Any, Literal

from msgspec import Meta

from freehold.errors import InvalidGrader
from freehold.graders.grader import Case, Grader, Options, decided, gist, is_empty, unscored, wrong
from freehold.graders.json_reply import json_of
from freehold.graders.regex import SECONDS, compiled
from freehold.items import Given, Grade, Item, ToolUse

MAX_LENGTH = 200_000

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_MARKUP = {
    "a heading": re.compile(r"^#{1,6}[ \t]+\S", re.MULTILINE),
    "a list": re.compile(r"^[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE),
    "bold text": re.compile(r"\*\*[^\s*][^*\n]{0,300}\*\*|(?<!\w)__[^\s_][^_\n]{0,300}__(?!\w)"),
    "a code fence": _FENCE,
    "code": re.compile(r"`[^`\n]{1,300}`"),
    "a link": re.compile(r"\[[^\[\]\n]{1,300}\]\([^()\s]{1,500}\)"),
    "a table": re.compile(r"^\|.{0,500}\|[ \t]*\n\|(?:[ :|-]){3,300}\|", re.MULTILINE),
    "a quotation": re.compile(r"^>[ \t]+\S", re.MULTILINE),
}
_LISTS = frozenset({"a list"})


class FormatOptions(Options, frozen=True, kw_only=True):
    """The form."""

    want: Annotated[
        Literal["json", "json_object", "json_list", "markdown", "plain", "lines", "pattern"],
        Meta(
            description="json, json_object, json_list: one JSON value, strictly · markdown: some markup, and every fence closed · "
            "plain: no markup · lines: every line that is not empty matches `pattern` · pattern: the whole reply does"
        ),
    ]
    fence: Annotated[bool, Meta(description="json: forgive one fence around it.")] = True
    pattern: Annotated[str, Meta(max_length=10_000, description="lines, pattern: the pattern.")] = ""
    lists: Annotated[bool, Meta(description="plain: dashes and numbers before lines are no markup.")] = True


class Format(Grader):
    """The reply has the outer form that was asked for. White space at the ends does not count. `lines` and `pattern` need the
    extra `trials`."""

    name = "format"
    version = "1"
    takes = FormatOptions
    options: FormatOptions

    def __init__(self, options: FormatOptions) -> None:
        super().__init__(options)
        self._pattern: Any = None
        if options.want in ("lines", "pattern"):
            if not options.pattern:
                raise InvalidGrader(f'want = "{options.want}" needs a `pattern`.', "Give one.", param="pattern")
            self._pattern = compiled(options.pattern)
        elif options.pattern:
            raise InvalidGrader(
                f'`pattern` means nothing with want = "{options.want}".', "Leave it out.", param="pattern"
            )

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when it has the form."""
        if is_empty(given):
            return wrong("The reply is empty.")
        if not given.text.strip():
            return unscored("The reply only calls tools.")
        if len(given.text) > MAX_LENGTH:
            return unscored(f"The reply is longer than {MAX_LENGTH:,} characters.")
        text = given.text.strip()
        if self.options.want.startswith("json"):
            return self._json(text)
        if self.options.want in ("lines", "pattern"):
            return self._matches(text)
        return self._markup(text)

    def _json(self, text: str) -> Grade:
        if not self.options.fence and text.startswith("```"):
            return wrong("A fence stands around it.")
        value, said = json_of(text)
        if said:
            return wrong(f"It is not JSON: {said}.")
        kinds = {"json_object": dict, "json_list": list}
        kind = kinds.get(self.options.want, object)
        return decided(
            isinstance(value, kind), "It is JSON." if isinstance(value, kind) else "It is JSON of another kind."
        )

    def _matches(self, text: str) -> Grade:
        parts = [line.strip() for line in text.splitlines() if line.strip()] if self.options.want == "lines" else [text]
        try:
            bad = next((part for part in parts if self._pattern.fullmatch(part, timeout=SECONDS) is None), None)
        except TimeoutError:
            return unscored(f"The pattern was not done within {SECONDS:g} s.")
        return decided(bad is None, "It matches." if bad is None else f"It does not match: {gist(bad)!r}.")

    def _markup(self, text: str) -> Grade:
        plain = self.options.want == "plain"
        looked = {name: one for name, one in _MARKUP.items() if not (plain and self.options.lists and name in _LISTS)}
        found = [name for name, one in looked.items() if one.search(text)]
        if plain:
            return decided(not found, f"It has {', '.join(found)}." if found else "It has no markup.", found=found)
        if len(_FENCE.findall(text)) % 2:
            return wrong("A code fence is not closed.", found=found)
        return decided(bool(found), f"It has {', '.join(found)}." if found else "It has no markup.", found=found)

    @classmethod
    def selftest(cls) -> list[Case]:
        """Each form, and what is not it."""
        item = Item(id="1", workload="w", input={})
        return [
            Case(role="gold", item=item, given=Given(text='```json\n{"a": 1}\n```'), table={"want": "json_object"}),
            Case(role="gold", item=item, given=Given(text="# Title\n\n- **one**"), table={"want": "markdown"}),
            Case(
                role="gold", item=item, given=Given(text="Two things:\n- one, at 5 * 3\n- two"), table={"want": "plain"}
            ),
            Case(
                role="gold", item=item, given=Given(text="a1\n\nb2\n"), table={"want": "lines", "pattern": r"[a-z]\d"}
            ),
            Case(role="corrupted", item=item, given=Given(text='{"a": 1,}'), table={"want": "json"}),
            Case(role="corrupted", item=item, given=Given(text="[1]"), table={"want": "json_object"}),
            Case(
                role="corrupted",
                item=item,
                given=Given(text='```\n{"a": 1}\n```'),
                table={"want": "json", "fence": False},
            ),
            Case(role="corrupted", item=item, given=Given(text="# Title\n```\nopen"), table={"want": "markdown"}),
            Case(role="corrupted", item=item, given=Given(text="It is **bold**."), table={"want": "plain"}),
            Case(role="garbage", item=item, given=Given(text="]{["), table={"want": "json"}),
            Case(role="empty", item=item, given=Given(), table={"want": "plain"}),
            Case(role="unscorable", item=item, given=Given(tool_uses=(ToolUse("a", "{}"),)), table={"want": "json"}),
            Case(
                role="unscorable",
                item=item,
                given=Given(text="a" * 40 + "!"),
                table={"want": "pattern", "pattern": "(a|a|aa)+"},
            ),
        ]


GRADER = Format
