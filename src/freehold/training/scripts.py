"""In which writing a reply is: how much of it is in a script that its question does not use.

It knows Unicode and no language. A model that is rewarded for right answers alone begins to think in whatever script serves it (DeepSeek-AI 2025,
arXiv 2501.12948, 2.3.2), and nobody can read its steps any more; two languages of one script are alike to it.
"""

import re
import unicodedata
from collections import Counter

from freehold.training.tasks.task import MARKERS

_WORD = re.compile(r"[^\W\d_]+")

TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "BOPOMOFO": "CJK"}
"""Scripts of which one text uses several."""

SYMBOLS = "GREEK"
"""Whose letters stand alone in mathematics of any language."""


def foreign_share(text: str, asked: str) -> float:
    """The share of the letters of a text, 0 to 1, whose script the question has none of. 0 for a text or a question without letters; a Greek letter that
    stands alone is a symbol."""
    for marker in MARKERS:
        text, asked = text.replace(marker, " "), asked.replace(marker, " ")
    found, known = _scripts(text), _scripts(asked)
    every = found.total()
    return sum(count for script, count in found.items() if script not in known) / every if every and known else 0.0


def _scripts(text: str) -> Counter[str]:
    """How many letters of each script."""
    found: Counter[str] = Counter()
    for word in _WORD.findall(unicodedata.normalize("NFKC", text)):
        scripts = [_script(sign) for sign in word]
        found.update([] if scripts == [SYMBOLS] else scripts)
    return found


def _script(sign: str) -> str:
    """The script of a letter, by the first word of its name in Unicode, such as `LATIN`."""
    name = unicodedata.name(sign, "UNNAMED").partition(" ")[0]
    return TOGETHER.get(name, name)
