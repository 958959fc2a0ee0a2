"""Regex: a pattern of the configuration is found in the reply, within a time.

It knows patterns and no meaning. It exists for answers with a shape: order numbers, labels in brackets. The pattern is
ours and the text is a stranger's, and one text is enough to keep a careless pattern busy for years; so the library `regex`
runs it, which stops when told to, and a text that was too much is unscored.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta

from freehold.errors import InvalidGrader
from freehold.graders.grader import Case, Grader, Options, decided, gist, is_empty, unscored, wrong
from freehold.graders.plain_text import normalised
from freehold.graders.reference import right_texts, why_no_texts
from freehold.items import Given, Grade, Item
from freehold.reasoning.extras import library

SECONDS = 0.5
MAX_LENGTH = 200_000


class RegexOptions(Options, frozen=True, kw_only=True):
    """The pattern and how it is used."""

    pattern: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=10_000,
            description="The pattern, as Python's `re` has it.",
            examples=["^[A-Z]{2}\\d{6}$"],
        ),
    ]
    whole: Annotated[bool, Meta(description="It must match the whole reply, white space at both ends apart.")] = False
    ignore_case: Annotated[bool, Meta(description="Upper and lower case do not count.")] = False
    multiline: Annotated[bool, Meta(description="`^` and `$` also match at every line.")] = False
    dot_all: Annotated[bool, Meta(description="`.` also matches a line break.")] = False
    group: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Compare this group with the reference (normalised); 0 is the whole match."),
    ] = None
    take: Annotated[Literal["first", "last"], Meta(description="Which match is compared, where there are several.")] = (
        "last"
    )


class Regex(Grader):
    """A pattern is found in the reply; or what it finds is the right answer. A pattern that is not done in time, on
    this reply, leaves it unscored. Needs the extra `trials`."""

    name = "regex"
    version = "1"
    takes = RegexOptions
    options: RegexOptions

    def __init__(self, options: RegexOptions) -> None:
        super().__init__(options)
        self._pattern = compiled(
            options.pattern,
            flags=(options.ignore_case, options.multiline, options.dot_all),
        )
        if options.group is not None and options.group > self._pattern.groups:
            raise InvalidGrader(
                f"`group` is {options.group}, and the pattern has {self._pattern.groups}.",
                "Count the opening brackets of the pattern.",
                param="group",
            )

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when the pattern is found and, with `group`, gives the reference."""
        texts = right_texts(item)
        if self.options.group is not None and not texts:
            return unscored(why_no_texts(item))
        if is_empty(given):
            return wrong("The reply is empty.")
        if len(given.text) > MAX_LENGTH:
            return unscored(f"The reply is longer than {MAX_LENGTH:,} characters.")
        try:
            match = self._match(given.text)
        except TimeoutError:
            return unscored(f"The pattern was not done within {SECONDS:g} s.")
        if match is None:
            return wrong("The pattern is not found.")
        if self.options.group is None:
            return decided(True, f"It has {gist(match[0])!r}.")
        found = match[self.options.group] or ""
        holds = normalised(found) in {normalised(text) for text in texts}
        return decided(holds, f"It gives {gist(found)!r}{'' if holds else f', not {gist(texts[0])!r}'}.")

    def _match(self, text: str) -> Any:
        if self.options.whole:
            return self._pattern.fullmatch(text.strip(), timeout=SECONDS)
        if self.options.take == "first" or self.options.group is None:
            return self._pattern.search(text, timeout=SECONDS)
        last = None
        for match in self._pattern.finditer(text, timeout=SECONDS):
            last = match
        return last

    @classmethod
    def selftest(cls) -> list[Case]:
        """Found, not found, and a pattern that never ends."""
        item = Item(id="1", workload="w", input={}, reference="AB1")
        group = {"pattern": r"order (\w+)", "group": 1}
        return [
            Case(role="gold", item=item, given=Given(text="Order: AB1."), table={"pattern": r"\b[A-Z]{2}\d\b"}),
            Case(role="gold", item=item, given=Given(text="order XX9, no: order ab1"), table=group),
            Case(role="corrupted", item=item, given=Given(text="order AB1, no: order XX9"), table=group),
            Case(
                role="corrupted", item=item, given=Given(text="Order: AB1."), table={"pattern": r"\w+", "whole": True}
            ),
            Case(role="garbage", item=item, given=Given(text="((((\x00"), table=group),
            Case(role="empty", item=item, given=Given(), table={"pattern": ".*"}),
            Case(
                role="unscorable",
                item=item,
                given=Given(text="a" * 40 + "!"),
                table={"pattern": r"(a|a|aa)+$", "take": "last"},
            ),
            Case(
                role="unscorable", item=Item(id="2", workload="w", input={}), given=Given(text="order 1"), table=group
            ),
        ]


GRADER = Regex


def compiled(pattern: str, *, flags: tuple[bool, bool, bool] = (False, False, False), param: str = "pattern") -> Any:
    """The compiled pattern; `flags` are ignore case, multiline, dot all. Raises InvalidGrader for what is no pattern and
    NotConfigured without the library."""
    regex = library("regex", extra="trials")
    wanted = (regex.IGNORECASE, regex.MULTILINE, regex.DOTALL)
    try:
        return regex.compile(pattern, sum(flag for flag, on in zip(wanted, flags, strict=True) if on))
    except regex.error as error:
        raise InvalidGrader(
            f"The pattern {gist(pattern)!r} is none: {error}.", "See Python's `re`.", param=param
        ) from None
