"""
Replies: a code and lines of text (RFC 959 section 4.2).

The law: whatever text goes in, what comes out is one reply.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from swftp import errors
from swftp.outcomes import outcome


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client is told."""

    code: int
    lines: tuple[str, ...] = ("",)
    """Shown as they are but for control characters; with more than one, the reply is a multi-line one."""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        *first, last = [_clean(line) for line in self.lines]
        if not first:
            return b"%d %s\r\n" % (self.code, last)
        # every line between has a blank before it, so that none can look like the last one
        body = b"".join(b" %s\r\n" % line for line in first[1:])
        return b"%d-%s\r\n%s%d %s\r\n" % (self.code, first[0], body, self.code, last)


def reply(code: int, *lines: str) -> Reply:
    """A `Reply`."""
    return Reply(code, lines or ("",))


class Refused(Exception):
    """A command is answered with *reply*, a negative one."""

    def __init__(self, code: int, *lines: str) -> None:
        super().__init__(*lines)
        self.reply = Reply(code, lines or ("",))


def reply_of(error: BaseException) -> Reply:
    """What a client is told of *error*; nothing of one that is our own bug."""
    if isinstance(error, Refused):
        return error.reply
    text = str(error) if isinstance(error, errors.StorageError) else "internal error"
    return Reply(outcome(error).ftp, (text[:1].upper() + text[1:] + ".",))


def _clean(line: str) -> bytes:
    """*line* without control characters; all else comes back as it is: PWD and MLST name files."""
    text = "".join("?" if unicodedata.category(character) == "Cc" else character for character in line)
    return text.encode("utf-8", "replace")
