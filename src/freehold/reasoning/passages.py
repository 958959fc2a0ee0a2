"""Words in documents: normalised for comparison, with the way back to where they stand.

It knows what two printings of the same sentence may differ in (quotation marks, dashes, spaces, ligatures) and nothing
of claims. It exists because a quotation is right when a reader would call it exact, and its place must be told in the
characters of the document itself.
"""

import re
import unicodedata
from difflib import SequenceMatcher

import msgspec

THRESHOLD: float = 0.9
"""The share of words (Ratcliff-Obershelp) from which another wording counts as an edited quotation."""

_SAME = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "–": "-", "—": "-", "−": "-"}
)
_WORD = re.compile(r"[^\W_]+(?:[.,'’-][^\W_]+)*|[%$€£¥]")


class Word(msgspec.Struct, frozen=True):
    """One word as it is compared, and where it stands: `text[start:end]`."""

    form: str
    start: int
    end: int


class Place(msgspec.Struct, frozen=True):
    """A passage of a document that a quotation was compared with. `edits` says what the quotation changed."""

    document: str
    start: int
    end: int
    ratio: float
    edits: tuple[str, ...]


def words(text: str) -> list[Word]:
    """The words and the signs that carry meaning (%, $), in order, NFKC, case kept."""
    return [
        Word(unicodedata.normalize("NFKC", match[0]).translate(_SAME), match.start(), match.end())
        for match in _WORD.finditer(text)
    ]


def exact_place(quoted: list[Word], document: str, text: list[Word], *, fold: bool) -> Place | None:
    """Where the words stand one after another in the document; with `fold` whatever their case."""
    if not quoted:
        return None
    forms = [_form(word, fold=fold) for word in text]
    wanted = [_form(word, fold=fold) for word in quoted]
    for place in range(len(forms) - len(wanted) + 1):
        if forms[place] == wanted[0] and forms[place : place + len(wanted)] == wanted:
            return Place(document, text[place].start, text[place + len(wanted) - 1].end, 1.0, ())
    return None


def nearest_place(quoted: list[Word], document: str, text: list[Word]) -> Place | None:
    """The passage that shares most words with the quotation, when it shares at least THRESHOLD of them."""
    wanted = [_form(word, fold=True) for word in quoted]
    forms = [_form(word, fold=True) for word in text]
    best: tuple[float, int, int] | None = None
    slack = max(1, len(wanted) // 8)
    for start in _candidates(wanted, forms):
        for length in range(max(1, len(wanted) - slack), len(wanted) + slack + 1):
            window = forms[start : start + length]
            matcher = SequenceMatcher(None, window, wanted, autojunk=False)
            if matcher.real_quick_ratio() < THRESHOLD or matcher.quick_ratio() < THRESHOLD:
                continue
            ratio = matcher.ratio()
            if ratio >= THRESHOLD and (best is None or ratio > best[0]):
                best = (ratio, start, min(start + length, len(forms)))
    if best is None:
        return None
    ratio, start, end = best
    return Place(document, text[start].start, text[end - 1].end, ratio, _edits(text[start:end], quoted))


def _candidates(wanted: list[str], forms: list[str]) -> list[int]:
    """Starts of windows that hold enough of the wanted words, by a sliding count; linear in the document."""
    known = set(wanted)
    size = len(wanted)
    inside = sum(form in known for form in forms[:size])
    starts: list[int] = []
    for start in range(max(1, len(forms) - size // 2)):
        if inside >= THRESHOLD * size - max(1, size // 8) and start < len(forms):
            starts.append(start)
        inside -= start < len(forms) and forms[start] in known
        inside += start + size < len(forms) and forms[start + size] in known
        if len(starts) >= 400:
            break
    return starts


def _edits(original: list[Word], quoted: list[Word]) -> tuple[str, ...]:
    matcher = SequenceMatcher(
        None, [word.form.casefold() for word in original], [word.form.casefold() for word in quoted], False
    )
    edits: list[str] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        was, became = " ".join(word.form for word in original[a:b]), " ".join(word.form for word in quoted[c:d])
        if kind == "replace":
            edits.append(f"'{was}' became '{became}'")
        elif kind == "delete":
            edits.append(f"'{was}' was left out")
        elif kind == "insert":
            edits.append(f"'{became}' was added")
    return tuple(edits)


def _form(word: Word, *, fold: bool) -> str:
    return word.form.casefold() if fold else word.form
