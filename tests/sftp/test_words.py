"""A command line without a shell."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import InvalidRequest
from swftp.sftp.words import split


class SplitTests(SynchronousTestCase):
    """Quotes, backslashes and blanks."""

    def texts(self, line: str) -> list[str]:
        """What a program would get."""
        return [word.text for word in split(line)]

    def test_words(self) -> None:
        """As a POSIX shell."""
        for line, words in (
            ("scp -f a", ["scp", "-f", "a"]),
            ("  a\t b  ", ["a", "b"]),
            (r"a\ b c\\d", ["a b", r"c\d"]),
            ("'a  b'c", ["a  bc"]),
            ("'$x `y` \\'", ["$x `y` \\"]),
            (r'"a \"b\" \c"', [r'a "b" \c']),
            ("'' \"\"", ["", ""]),
            ("", []),
            ("~ ~/a ~bob/a a~ '~'", ["/", "//a", "//a", "a~", "~"]),
        ):
            self.assertEqual(self.texts(line), words)

    @given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)))
    def test_quoted_words_are_themselves(self, words: list[str]) -> None:
        """What was quoted for a shell is what we get, and no pattern."""
        found = split(shlex.join(words))
        self.assertEqual([word.text for word in found], words)
        self.assertTrue(all(word.pattern(0) is None for word in found))

    def test_refused(self) -> None:
        """What only a shell can do is not guessed."""
        for line in (
            "a; b",
            "a $HOME",
            "a `b`",
            'a "$b"',
            "a | b",
            "a & b",
            "a > b",
            "a < b",
            "(a)",
            "a\nb",
            "'a",
            '"a',
            "a\\",
        ):
            self.assertRaises(InvalidRequest, split, line)


class PatternTests(SynchronousTestCase):
    """Unquoted ``*``, ``?`` and ``[``."""

    def matching(self, line: str, *names: str) -> list[str]:
        """Those of *names* that the only word of *line* matches."""
        (word,) = split(line)
        pattern = word.pattern(0)
        assert pattern is not None
        return [name for name in names if pattern.match(name)]

    def test_patterns(self) -> None:
        """As a shell matches names."""
        self.assertEqual(self.matching("*.t?t", "a.txt", ".tot", "a.tx", "b.txtx"), ["a.txt", ".tot"])
        self.assertEqual(self.matching("[a-c]1", "a1", "d1", "c1"), ["a1", "c1"])
        self.assertEqual(self.matching("[!a]", "a", "b"), ["b"])

    def test_quoted_part(self) -> None:
        """A quoted ``*`` is an asterisk, even next to one that is not."""
        self.assertEqual(self.matching(r"\**", "*a", "ba"), ["*a"])
        self.assertEqual(self.matching("'[a]'?", "[a]x", "ax"), ["[a]x"])

    def test_plain(self) -> None:
        """No pattern at all."""
        self.assertIsNone(split("a.b")[0].pattern(0))
        self.assertIsNone(split("*/a")[0].pattern(2))
