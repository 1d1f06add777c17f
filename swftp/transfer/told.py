"""What a client says of a file beside its bytes, as it is when the file is closed."""

from __future__ import annotations

from dataclasses import replace

from swftp.entries import Attributes


class Told:
    """
    Of one file being written.

    :ivar attributes: the last word on each.
    :ivar set_since: whether any was set after OPEN.
    :ivar timed: whether the time of modification was, after the last change of content.
    """

    __slots__ = ("attributes", "set_since", "timed")

    def __init__(self, attributes: Attributes) -> None:
        """
        :param attributes: those said with OPEN; its time is that of the content to come.
        """
        self.attributes = attributes
        self.set_since = self.timed = False

    def set(self, said: Attributes) -> None:
        """Take *said*."""
        self.set_since = True
        self.timed = self.timed or said.mtime is not None
        self.attributes = Attributes(
            mtime=self.attributes.mtime if said.mtime is None else said.mtime,
            mode=self.attributes.mode if said.mode is None else said.mode,
        )

    def outdated(self) -> None:
        """The content was changed after its time was set: the change has the last word, as in any file system."""
        self.timed = False
        self.attributes = replace(self.attributes, mtime=None)
