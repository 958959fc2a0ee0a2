"""A text reduced to its words, so that two ways to write the same answer are the same text.

It knows letters and signs and no answer. It exists because every tool normalises a little differently and says nowhere
how; here is the whole rule, in its order:

1 compatibility forms are one (NFKC: `ﬁ` is `fi`, `²` is `2`, full width is half width), and signs that nobody sees are gone
  (category Cf: zero-width spaces, soft hyphens, marks of direction)
2 case is folded (`ß` is `ss`)
3 accents are dropped, only when asked (`é` is `e`)
4 grouped thousands lose their commas (`1,234` is `1234`)
5 apostrophes are gone (`don't` is `dont`), and the points of abbreviations (`U.S.` is `us`)
6 every other punctuation mark becomes a space, but for what changes the meaning: the point or comma inside a number
  (`3.5`), the minus before one, `%` and `‰` after one, `#` after a letter (`c#`). Signs that are no punctuation stay: `+`, `<`,
  `=`, `$`, `€`
7 the words `a`, `an` and `the` are gone, unless nothing would be left
8 words are separated by one space
"""

import re
import unicodedata

_UNSEEN = re.compile(r"[\u0000-\u0008\u000e-\u001f\u007f]")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_APOSTROPHES = re.compile(r"['’‘ʼ`´]")
_ABBREVIATION = re.compile(r"\b(?:\w\.){2,}(?!\w)")
_MINUS = re.compile(r"(?<![\w.)\]%])[-−–](?=\.?\d)")
_KEPT = re.compile(r"(?<=\d)[.,](?=\d)|(?<=\d)\s?[%‰]|(?<=[^\W\d_])#(?!\w)|\x01")
_ARTICLES = frozenset({"a", "an", "the"})
_NO_SPACES = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def normalised(text: str, *, accents: bool = True, articles: bool = True) -> str:
    """The words of the text, by the rule above. `accents` keeps accents; `articles` drops articles."""
    plain = unicodedata.normalize("NFKC", _UNSEEN.sub(" ", text))
    plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf").casefold()  # 1, 2
    if not accents:  # 3
        apart = unicodedata.normalize("NFD", plain)
        plain = unicodedata.normalize("NFC", "".join(sign for sign in apart if unicodedata.category(sign) != "Mn"))
    plain = _GROUPED.sub(lambda match: match[0].replace(",", ""), plain)  # 4
    plain = _APOSTROPHES.sub("", plain)  # 5
    plain = _ABBREVIATION.sub(lambda match: match[0].replace(".", ""), plain)
    words = _without_punctuation(plain).split()  # 6, 8
    kept = [word for word in words if word not in _ARTICLES] if articles else words  # 7
    return " ".join(kept or words)


def holds_words(text: str, wanted: str) -> bool:
    """Whether the words of `wanted` stand in the text, one after the other. Both are normalised. In scripts that put no
    spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) signs are compared instead."""
    if not wanted:
        return False
    if _NO_SPACES.search(wanted):
        return wanted.replace(" ", "") in text.replace(" ", "")
    return f" {wanted} " in f" {text} "


def _without_punctuation(text: str) -> str:
    marked = _MINUS.sub("\x01", text)
    pieces: list[str] = []
    place = 0
    for match in _KEPT.finditer(marked):
        pieces += [_spaced(marked[place : match.start()]), "-" if match[0] == "\x01" else match[0].strip()]
        place = match.end()
    return "".join([*pieces, _spaced(marked[place:])])


def _spaced(text: str) -> str:
    return "".join(" " if unicodedata.category(sign)[0] in "PZC" else sign for sign in text)
