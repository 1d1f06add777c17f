"""How an object is cut into fragments: ``ec:k+m`` or ``copy:n``, and how many of them are enough."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MOST_DATA = 16
MOST_PARITY = 4
"""Above it one of the codes that liberasurecode offers has losses it cannot mend; nobody needs more."""
MOST_COPIES = 8

_WORDS = re.compile(r"ec:([1-9][0-9]?)\+([1-9])|copy:([1-9])")


@dataclass(frozen=True, slots=True)
class Layout:
    """Any *k* of *k* + *m* fragments give the object back; ``k == 1``: each is a copy of it."""

    k: int
    m: int

    @classmethod
    def parse(cls, text: str) -> Layout:
        """
        What *text* says.

        :raises ValueError: nothing that can be had; the message says what can.
        """
        return _parse(text)

    def __str__(self) -> str:
        return f"copy:{self.total}" if self.k == 1 else f"ec:{self.k}+{self.m}"

    @property
    def total(self) -> int:
        """How many fragments an object has."""
        return self.k + self.m

    @property
    def least(self) -> int:
        """
        How many fragments must be stored before a write counts, where nothing else is configured.

        Enough to lose one more, but for ``ec:k+1``: that could store nothing while one shard is down.
        """
        if self.k == 1:
            return min(2, self.total)
        return self.k + 1 if self.m > 1 else self.k


@lru_cache(64)
def _parse(text: str) -> Layout:
    found = _WORDS.fullmatch(text)
    if found and found[3]:
        layout = Layout(1, int(found[3]) - 1)
        if layout.total <= MOST_COPIES:
            return layout
    elif found:
        layout = Layout(int(found[1]), int(found[2]))
        if 2 <= layout.k <= MOST_DATA and layout.m <= MOST_PARITY:
            return layout
    raise ValueError(
        f"{text!r} is no layout; allowed: ec:k+m with k from 2 to {MOST_DATA} and m from 1 to {MOST_PARITY},"
        f" copy:n with n from 1 to {MOST_COPIES}"
    )
