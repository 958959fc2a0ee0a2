"""Language: the reply is written in the language that was asked for.

It knows codes and asks `py3langid`, a small model on this machine (97 languages, bytes in, no network). It exists because
a cheaper model answers a German customer in English more often than anybody checks. Short texts have no language that a
program can tell: they are unscored.
"""

import re
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from freehold.errors import InvalidGrader
from freehold.graders.grader import Case, Grader, Options, decided, is_empty, unscored, wrong
from freehold.graders.reference import asked, at, texts_of
from freehold.items import Given, Grade, Item
from freehold.reasoning.extras import library

MAX_LENGTH = 20_000
"""Characters that are looked at."""

_FENCE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\S+@\S+", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]")


class LanguageOptions(Options, frozen=True, kw_only=True):
    """Which language, and how sure one must be."""

    languages: Annotated[
        tuple[str, ...],
        Meta(
            description="The languages that are right (ISO 639-1: `de`); default: the item's `metadata.language`, else the "
            "language of the question.",
            examples=[["de"]],
        ),
    ] = ()
    least_letters: Annotated[int, Meta(ge=1, description="Letters below which nothing is said.")] = 24
    sure: Annotated[float, Meta(ge=0, le=1, description="Probability below which nothing is said.")] = 0.8


class Language(Grader):
    """The reply is written in the right language. Code, addresses and replies with few letters are left aside; an unsure
    reading leaves it unscored. Needs the extra `trials`."""

    name: ClassVar[str] = "language"
    version: ClassVar[str] = "1"
    takes = LanguageOptions
    options: LanguageOptions

    def __init__(self, options: LanguageOptions) -> None:
        super().__init__(options)
        langid = library("py3langid.langid", extra="trials")
        self._identifier: Any = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
        for code in options.languages:
            if code.casefold() not in self._identifier.labels:
                advice = f"It knows {', '.join(sorted(self._identifier.labels))}."
                raise InvalidGrader(f"There is no language {code!r}.", advice, param="languages")

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when the language of the reply is one of the right ones."""
        if is_empty(given):
            return wrong("The reply is empty.")
        wanted = self._wanted(item)
        if not wanted:
            return unscored("Which language is right is not known.")
        found, probability = self._language(given.text)
        if found is None:
            return unscored("The reply is too short, or its language is not clear.", probability=probability)
        return decided(found in wanted, f"It is written in {found}.", language=found, probability=probability)

    def _wanted(self, item: Item) -> frozenset[str]:
        codes = self.options.languages or texts_of(at(item, "metadata.language"))
        if not codes:
            question, _ = self._language(asked(item))
            codes = (question,) if question else ()
        return frozenset(code.casefold().replace("_", "-").split("-")[0] for code in codes)

    def _language(self, text: str) -> tuple[str | None, float]:
        """The code and its probability; None for a text that is short or not clear."""
        prose = _FENCE.sub(" ", text[:MAX_LENGTH]).strip()
        if len(_LETTERS.findall(prose)) < self.options.least_letters:
            return None, 0.0
        code, probability = self._identifier.classify(prose)
        probability = round(float(probability), 4)
        return (str(code) if probability >= self.options.sure else None), probability

    @classmethod
    def selftest(cls) -> list[Case]:
        """German where German was asked for, English instead, and too little to tell."""
        question = "Wie kann ich die Rechnung vom letzten Monat noch einmal herunterladen?"
        item = Item(id="1", workload="w", input={"messages": [{"role": "user", "content": question}]})
        german = Given(
            text="Die Rechnung finden Sie in Ihrem Konto unter den Bestellungen, dort können Sie sie herunterladen."
        )
        english = Given(
            text="You will find the invoice in your account, among your orders, where you can download it again."
        )
        marked = Item(id="2", workload="w", input={}, metadata={"language": "en-GB"})
        return [
            Case(role="gold", item=item, given=german),
            Case(role="gold", item=marked, given=english),
            Case(role="corrupted", item=item, given=english),
            Case(role="corrupted", item=item, given=german, table={"languages": ["fr"]}),
            Case(
                role="garbage",
                item=marked,
                given=Given(text="これは請求書の再ダウンロードに関する質問への回答ですが、英語ではありません。"),
            ),
            Case(role="empty", item=item, given=Given()),
            Case(role="unscorable", item=item, given=Given(text="OK")),
            Case(role="unscorable", item=Item(id="3", workload="w", input={}), given=german),
        ]


GRADER = Language
