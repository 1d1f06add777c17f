"""What servers answer, in our words: whatever does not fit the question is a shard that cannot be used."""

from __future__ import annotations

import hiredis

from swftp.errors import Unavailable
from swftp.storage.zerostor.shards.interfaces import Refused
from swftp.storage.zerostor.shards.wire import Reply

SHOWN = 80
"""Characters of a server's own words that are passed on."""


def error_of(reply: Reply) -> str | None:
    """The text, where *reply* is an error."""
    return str(reply) if isinstance(reply, hiredis.ReplyError) else None


def refusal(text: str, lasting: tuple[str, ...]) -> Unavailable:
    """
    The error for *text*.

    :param lasting: begins of what will not pass by itself.
    """
    return (Refused if text.startswith(lasting) else Unavailable)(f"it says {text[:SHOWN]}")


def unfit() -> Unavailable:
    """The error for an answer that makes no sense."""
    return Unavailable("an answer that does not fit the question")


def expect(wanted: bytes, reply: Reply) -> None:
    """
    :raises Unavailable: *reply* is not *wanted*.
    """
    if reply != wanted:
        raise unfit()


def as_bytes(reply: Reply) -> bytes:
    """
    :raises Unavailable: *reply* is no string.
    """
    if not isinstance(reply, bytes):
        raise unfit()
    return reply


def as_int(reply: Reply) -> int:
    """
    :raises Unavailable: *reply* is no number.
    """
    if not isinstance(reply, int):
        raise unfit()
    return reply


def facts(reply: Reply) -> dict[str, str]:
    """The ``name:value`` lines of an INFO."""
    lines = as_bytes(reply).decode("utf-8", "replace").splitlines()
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
