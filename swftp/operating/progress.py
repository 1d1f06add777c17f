"""How far long work has come, in one line of a terminal that is drawn over; nothing where there is no terminal."""

from __future__ import annotations

from typing import TextIO

WIDTH = 30
"""Characters of the bar."""


class Bar:
    """One piece of work."""

    def __init__(self, stream: TextIO) -> None:
        """
        :param stream: standard error: standard output may go into a file.
        """
        self._stream = stream if stream.isatty() else None

    def show(self, done: int, total: int, what: str) -> None:
        """*done* of *total* parts; *what* is being worked at."""
        filled = WIDTH * done // max(total, 1)
        self.say(f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done}/{total} {what}")

    def say(self, line: str) -> None:
        """Draw *line* over what is there."""
        if self._stream is not None:
            self._stream.write(f"\r\x1b[K{line[:100]}")
            self._stream.flush()

    def clear(self) -> None:
        """Leave the line empty for whoever writes next."""
        if self._stream is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
