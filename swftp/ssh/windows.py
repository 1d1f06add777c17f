"""
What all clients together may send before we dealt with it.

The law: a window is never taken back from a client, only given back to him more slowly; and one that was given by
halves always becomes worth a message again, so nobody waits for ever.

A channel begins with little and has more as soon as it uses that: a thousand that are idle could all begin to send.
"""

from __future__ import annotations

LEAST = 64 << 10
"""Bytes of window that a channel has however many there are; no client sends packets of more than half of it."""


class Windows:
    """
    Those of all channels of a process.

    :ivar open: how many there are.
    """

    def __init__(self, first: int, each: int, together: int) -> None:
        """
        :param first: bytes that a channel begins with, doubled whenever the client is told of more.
        :param each: bytes that a channel has at most.
        :param together: bytes that all channels should have at most.
        """
        self._least = min(each, LEAST)
        self._first = first
        self._each = each
        self._together = together
        self.open = 0

    @property
    def start(self) -> int:
        """Bytes of window for a new channel."""
        return min(self._first, self.share)

    @property
    def share(self) -> int:
        """Bytes of window for each channel."""
        return max(self._least, min(self._each, self._together // max(1, self.open)))
