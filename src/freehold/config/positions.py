"""On which line of a TOML document each key stands.

`tomllib` gives values without positions, and an error that cannot say where is half an error. This scanner walks a
document that `tomllib` has already accepted, so it judges nothing: it only follows keys, tables and brackets, and notes
the line of each. TOML 1.0.0 (toml.io/en/v1.0.0).
"""

import bisect
import tomllib
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
"""How a value is reached: names of tables and keys, and indices of arrays."""

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


class Positions:
    """The lines of one document, counted from 1."""

    def __init__(self, lines: Mapping[KeyPath, int]) -> None:
        self._lines = dict(lines)

    def __contains__(self, path: KeyPath) -> bool:
        return path in self._lines

    def paths(self) -> set[KeyPath]:
        """Every path that the document holds: tables, keys and the elements of arrays."""
        return set(self._lines)

    def line(self, path: KeyPath) -> int | None:
        """The line of the key, of the header that opens the table, or of the nearest that encloses it; None when
        nothing does."""
        while path:
            found = self._lines.get(path)
            if found is not None:
                return found
            path = path[:-1]
        return None


def locate(text: str) -> Positions:
    """The positions in a document that `tomllib.loads` accepts. For any other text the result means nothing."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return Positions(scanner.lines)


class _Scanner:
    """A cursor in the text. `lines` is the result; `_explicit` are the tables whose own header or key was seen, which
    wins over the place where they were first implied."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._breaks = [offset for offset, sign in enumerate(text) if sign == "\n"]
        self._explicit: set[KeyPath] = set()
        self._lengths: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self._blank()
            if self._at >= len(self._text):
                return
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        """`[a.b]` or `[[a.b]]`: the path of the table that it opens."""
        start = self._at
        array = self._text.startswith("[[", start)
        self._at += 2 if array else 1
        keys = self._keys()
        self._at += 2 if array else 1
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self._imply((*path, key), start)
        path = (*path, keys[-1])
        if array:
            index = self._lengths.get(path, 0)
            self._lengths[path] = index + 1
            self.lines.setdefault(path, self._line(start))
            path = (*path, index)
        self._note(path, start)
        return path

    def _imply(self, path: KeyPath, start: int) -> KeyPath:
        """A table that a longer key passes through: its path, which is that of the last element of an array of
        tables."""
        self.lines.setdefault(path, self._line(start))
        length = self._lengths.get(path)
        return path if length is None else (*path, length - 1)

    def _pair(self, table: KeyPath) -> None:
        """`a.b = value`, below `table`."""
        start = self._at
        keys = self._keys()
        path = table
        for key in keys[:-1]:
            path = (*path, key)
            self.lines.setdefault(path, self._line(start))
        path = (*path, keys[-1])
        self._note(path, start)
        self._at += 1  # the equals sign
        self._space()
        self._value(path)

    def _keys(self) -> list[str]:
        """A dotted key, up to the sign that follows it."""
        keys: list[str] = []
        while True:
            self._space()
            keys.append(self._key())
            self._space()
            if self._peek() != ".":
                return keys
            self._at += 1

    def _key(self) -> str:
        start = self._at
        if self._peek() in "\"'":
            self._string()
            # The standard library knows the escapes; a quoted key is a one-line string.
            return str(tomllib.loads(f"key = {self._text[start : self._at]}")["key"])
        while self._peek() in _BARE:
            self._at += 1
        return self._text[start : self._at]

    def _value(self, path: KeyPath) -> None:
        sign = self._peek()
        if sign in "\"'":
            self._string()
        elif sign == "[":
            self._array(path)
        elif sign == "{":
            self._inline_table(path)
        else:
            while self._peek() not in ",]}#\n":
                self._at += 1

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while True:
            self._separators()
            if self._peek() == "]":
                self._at += 1
                return
            self._note((*path, index), self._at)
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while True:
            self._separators()
            if self._peek() == "}":
                self._at += 1
                return
            self._pair(path)

    def _string(self) -> None:
        """Past a string of any of the four kinds."""
        quote = self._text[self._at]
        if self._text.startswith(quote * 3, self._at):
            self._at += 3
            self._until(quote * 3, escapes=quote == '"')
            for _ in range(2):  # a multi-line string may end with up to two quotes of its own
                if self._peek() == quote:
                    self._at += 1
        else:
            self._at += 1
            self._until(quote, escapes=quote == '"')

    def _until(self, end: str, *, escapes: bool) -> None:
        while not self._text.startswith(end, self._at):
            self._at += 2 if escapes and self._text[self._at] == "\\" else 1
        self._at += len(end)

    def _peek(self) -> str:
        """The sign at the cursor; a line feed at the end, which no token contains."""
        return self._text[self._at] if self._at < len(self._text) else "\n"

    def _space(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._at += 1

    def _blank(self) -> None:
        self._skip(" \t\n")

    def _separators(self) -> None:
        self._skip(" \t\n,")

    def _skip(self, signs: str) -> None:
        while self._at < len(self._text):
            sign = self._text[self._at]
            if sign == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif sign in signs:
                self._at += 1
            else:
                return

    def _note(self, path: KeyPath, start: int) -> None:
        if path not in self._explicit:
            self._explicit.add(path)
            self.lines[path] = self._line(start)

    def _line(self, offset: int) -> int:
        return bisect.bisect_left(self._breaks, offset) + 1
