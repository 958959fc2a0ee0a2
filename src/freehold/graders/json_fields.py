"""JSON fields: an extracted record against the right one, field by field, each by its own rule.

It knows rules and their paths; values are compared by `json_values.py`. It exists because most work that companies give to
models is extraction, and "88 % matched" hides whether it was the amount or the greeting that was wrong.

    [[workloads.invoices.graders]]
    kind = "json_fields"

    [workloads.invoices.graders.fields]
    total = { match = "numeric", tolerance = 0.01, weight = 3, required = true }
    issued = { match = "date" }
    "vendor.name" = { match = "normalised" }
    lines = { match = "rows", key = "sku", fields = { quantity = { match = "numeric" } } }
    notes = { match = "ignore" }

The score is the weighted share of the fields that are right. Fields of the reference that no path names are compared by
`rest`. A field that the reference leaves out, or gives as null, is right when the reply does the same.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from msgspec import Meta, Struct, field

from freehold.errors import InvalidGrader
from freehold.graders.grader import Case, Grader, Options, is_empty, unscored, wrong
from freehold.graders.json_paths import ABSENT, Path, covers, expanded, leaves, read_path, value_at, write_path
from freehold.graders.json_reply import json_of, json_text
from freehold.graders.json_values import MOST_ELEMENTS, Compared, FieldRule, TooMany, Undecided, compare
from freehold.graders.reference import MISSING
from freehold.graders.regex import SECONDS, compiled
from freehold.items import Given, Grade, Item

MOST_FIELDS = 2_000


class JsonFieldsOptions(Options, frozen=True, kw_only=True):
    """The rules, and what becomes of fields without one."""

    fields: Annotated[
        dict[str, FieldRule],
        Meta(
            description='The rule of each path: `total`, `vendor.name`, `lines[0].sku`, `lines[*].price`, `"a.b"`, `$`.'
        ),
    ] = field(default_factory=dict[str, FieldRule])
    rest: Annotated[FieldRule, Meta(description="The rule of every other value of the reference.")] = FieldRule()
    extra: Annotated[
        Literal["allow", "refuse"],
        Meta(description="What a value is that the reference does not have: refuse counts it as wrong."),
    ] = "allow"
    pass_at: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="Score 1 from this share on, else 0; unset, the share is the score."),
    ] = None
    anywhere: Annotated[bool, Meta(description="Take the last object or list that stands in other text.")] = False


class Field(Struct, frozen=True):
    """One field that was compared."""

    path: Path
    rule: FieldRule
    right: Any
    found: Any
    compared: Compared


class JsonFields(Grader):
    """An extracted record against the right one, field by field: each path has its own rule (equal, in words, within a
    tolerance, the same day, a set, rows paired by a key, a pattern, ignored), its weight, and may be required. The details
    tell every field."""

    name = "json_fields"
    version = "2"
    takes = JsonFieldsOptions
    hint = 'A path with points stands in quotes: "vendor.name" = { match = "normalised" }.'
    options: JsonFieldsOptions

    def __init__(self, options: JsonFieldsOptions) -> None:
        super().__init__(options)
        self._patterns: dict[str, Any] = {}
        self._rules: list[tuple[Path, FieldRule]] = []
        for written, rule in options.fields.items():
            self._check(rule, f"fields.{written}")
            self._rules.append((_path(written, f"fields.{written}"), rule))
        self._check(options.rest, "rest")
        if options.fields and all(rule.weight == 0 for rule in (*options.fields.values(), options.rest)):
            raise InvalidGrader("Every field has the weight 0.", "Give at least one a weight above 0.", param="fields")

    @property
    def binary(self) -> bool:
        """With `pass_at` every score is 0 or 1."""
        return self.options.pass_at is not None

    def grade(self, item: Item, given: Given) -> Grade:
        """The weighted share of right fields; 0 for what is not JSON or lacks a required one."""
        right = _record(item.reference)
        if right is None:
            return unscored(MISSING if item.reference is None else "The item's reference is no JSON object or list.")
        if is_empty(given):
            return wrong("The reply is empty.")
        found, said = json_of(given.text, anywhere=self.options.anywhere)
        if said:
            return wrong(f"The reply is not JSON: {said}.")
        try:
            compared = self._compared(right, found)
        except TooMany:
            return unscored(
                f"A set or list of rows has more than {MOST_ELEMENTS} elements, or there are too many fields."
            )
        except Undecided:
            return unscored(f"A pattern was not done within {SECONDS:g} s.")
        return self._graded(compared)

    def _compared(self, right: Any, found: Any) -> list[Field]:
        """Every field under its rule: the named ones, then the rest of the reference, then what the reply has besides."""
        fields: dict[Path, FieldRule] = {}
        for path, rule in self._rules:
            for whole in expanded(path, right, found):
                fields[whole] = rule
        named = [path for path, _ in self._rules]
        others = [found] if self.options.extra == "refuse" else []
        for value in (right, *others):
            for path, _ in leaves(value):
                if not any(covers(one, path) for one in named) and not _below(path, fields):
                    fields.setdefault(path, self.options.rest)
        if len(fields) > MOST_FIELDS:
            raise TooMany
        return [self._field(path, rule, right, found) for path, rule in fields.items() if rule.match != "ignore"]

    def _field(self, path: Path, rule: FieldRule, right: Any, found: Any) -> Field:
        one, other = value_at(right, path), value_at(found, path)
        return Field(path, rule, one, other, compare(rule, one, other, self._matches))

    def _graded(self, fields: list[Field]) -> Grade:
        weight = sum(one.rule.weight for one in fields)
        if not weight:
            return unscored("No field was left to compare.")
        share = sum(one.rule.weight * one.compared.score for one in fields) / weight
        missed = [write_path(one.path) for one in fields if one.compared.score < 1]
        broken = [write_path(one.path) for one in fields if one.rule.required and one.compared.score < 1]
        score = 0.0 if broken else share
        if self.options.pass_at is not None:
            score = float(score >= self.options.pass_at)
        reason = f"All {len(fields)} fields are right." if not missed else f"Not right: {', '.join(missed[:8])}."
        if broken:
            reason = f"A required field is not right: {', '.join(broken[:8])}."
        details = {"share": share, "fields": {write_path(one.path): _told(one) for one in fields}}
        return Grade(score=score, reason=reason, details=details)

    def _check(self, rule: FieldRule, param: str) -> None:
        """Raises InvalidGrader for a rule that cannot be followed. Compiles its pattern."""
        if rule.match == "regex":
            if not rule.pattern:
                raise InvalidGrader(f'`{param}` needs a `pattern` with match = "regex".', param=param)
            self._patterns[rule.pattern] = compiled(rule.pattern, param=param)
        if rule.key:
            _path(rule.key, param)
        for written, inner in rule.fields.items():
            _path(written, param)
            self._check(inner, param)
        if rule.each is not None:
            self._check(rule.each, param)

    def _matches(self, pattern: str, text: str) -> bool | None:
        try:
            return self._patterns[pattern].fullmatch(text, timeout=SECONDS) is not None
        except TimeoutError:
            return None

    @classmethod
    def selftest(cls) -> list[Case]:
        """A record in another order and writing, one wrong amount, and no record."""
        record = {
            "total": 1200.5,
            "issued": "2024-03-04",
            "tags": ["a", "b"],
            "vendor": {"name": "The ACME"},
            "note": "x",
        }
        table = {
            "fields": {
                "total": {"match": "numeric", "tolerance": 0.01, "required": True},
                "issued": {"match": "date"},
                "tags": {"match": "set"},
                "vendor.name": {"match": "normalised"},
                "note": {"match": "ignore"},
            }
        }
        item = Item(id="1", workload="w", input={}, reference=record)
        good = '{"tags": ["b", "a"], "vendor": {"name": "acme"}, "issued": "4 March 2024", "total": "$1,200.50"}'
        return [
            Case(role="gold", item=item, given=Given(text=good), table=table),
            Case(role="gold", item=item, given=Given(text=json_text(record))),
            Case(role="corrupted", item=item, given=Given(text=good.replace("1,200", "1,300")), table=table),
            Case(
                role="corrupted",
                item=item,
                given=Given(text=good.replace("acme", "apex")),
                table={**table, "pass_at": 1.0},
            ),
            Case(
                role="corrupted",
                item=Item(id="3", workload="w", input={}, reference={"rate": "5%"}),
                given=Given(text='{"rate": "500%"}'),
                table={"fields": {"rate": {"match": "numeric"}}},
            ),
            Case(role="garbage", item=item, given=Given(text="total: 1200.5")),
            Case(role="empty", item=item, given=Given()),
            Case(role="unscorable", item=Item(id="2", workload="w", input={}, reference="x"), given=Given(text="{}")),
        ]


GRADER = JsonFields


def _record(reference: Any) -> Any:
    """The right record: an object or a list, or JSON text of one; None otherwise."""
    if isinstance(reference, str):
        reference, _ = json_of(reference)
    return cast("Any", reference) if isinstance(reference, Mapping | list) else None


def _path(written: str, param: str) -> Path:
    try:
        return read_path(written)
    except ValueError as error:
        advice = 'Write `total`, `vendor.name`, `lines[*].price`, or quote a name with points: `"a.b"`.'
        raise InvalidGrader(f"The path {error}.", advice, param=param) from None


def _below(path: Path, fields: Mapping[Path, FieldRule]) -> bool:
    """Whether a field that has its place already stands above the path."""
    return any(path[:length] in fields for length in range(len(path) + 1))


def _told(one: Field) -> dict[str, Any]:
    told: dict[str, Any] = {"score": one.compared.score, "match": one.rule.match}
    if one.compared.why:
        told["why"] = one.compared.why
    for name, value in (("right", one.right), ("found", one.found)):
        if value is not ABSENT:
            told[name] = json_text(value)[:200]
    return told
