"""
A shell's command line -> words, without a shell: quotes, backslashes and file name patterns, nothing else.

The law here: what a shell would do more than that (variables, commands, redirections) is refused, never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate

from swftp.errors import InvalidRequest

_REFUSED = frozenset("$`;&|<>()\n\r\0")
_REFUSED_QUOTED = frozenset("$`\0")
_ESCAPED_IN_QUOTES = frozenset('$`"\\\n')
_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Word:
    """One word."""

    text: str
    """As a program would get it, patterns unexpanded."""
    wild: frozenset[int] = frozenset()
    """Where in *text* the characters are that begin a pattern: ``*``, ``?`` or ``[``, not quoted."""

    def pattern(self, start: int) -> re.Pattern[str] | None:
        """What matches names that ``text[start:]`` stands for; None: it is a plain name."""
        if not any(position >= start for position in self.wild):
            return None
        shown = "".join(
            f"[{c}]" if c in _WILD and position not in self.wild else c
            for position, c in enumerate(self.text[start:], start)
        )
        return re.compile(translate(shown))


class _Splitter:
    """Walks over a line once."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._position = 0
        self._text: list[str] = []
        self._wild: set[int] = set()
        self._begun = False

    def words(self) -> list[Word]:
        """All words of the line."""
        found = []
        while self._position < len(self._line):
            c = self._next()
            if c in " \t":
                found += self._taken()
            else:
                self._begun = True
                self._character(c)
        return found + self._taken()

    def _taken(self) -> list[Word]:
        if not self._begun:
            return []
        word = Word("".join(self._text), frozenset(self._wild))
        self._text, self._wild, self._begun = [], set(), False
        return [word]

    def _next(self) -> str:
        if self._position >= len(self._line):
            raise InvalidRequest("unfinished quotation")
        self._position += 1
        return self._line[self._position - 1]

    def _character(self, c: str) -> None:
        if c == "'":
            while (c := self._next()) != "'":
                self._text.append(c)
        elif c == '"':
            self._double_quoted()
        elif c == "\\":
            self._text.append(self._next())
        elif c in _REFUSED:
            raise InvalidRequest(f"there is no shell here for {c!r}")
        elif c == "~" and not self._text:
            self._home()
        else:
            if c in _WILD:
                self._wild.add(len(self._text))
            self._text.append(c)

    def _double_quoted(self) -> None:
        while (c := self._next()) != '"':
            if c in _REFUSED_QUOTED:
                raise InvalidRequest(f"there is no shell here for {c!r}")
            if c == "\\":
                escaped = self._next()
                c = escaped if escaped in _ESCAPED_IN_QUOTES else c + escaped
            self._text += c

    def _home(self) -> None:
        """``~`` and ``~user`` at the beginning of a word: the one home there is."""
        while self._position < len(self._line) and self._line[self._position] not in " \t/":
            self._position += 1
        self._text.append("/")


def split(line: str) -> list[Word]:
    """
    The words of *line*.

    :raises InvalidRequest: it asks for more than words.
    """
    return _Splitter(line).words()
