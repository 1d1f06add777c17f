"""
HASH (draft-bryan-ftp-hash-11) and the older XCRC, XMD5, MD5, XSHA, XSHA1, XSHA256, XSHA512.

The MD5 of a whole file is what the store says, where it says one; anything else is computed from the bytes, as a
download would give them, without holding up anybody else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from swftp import errors
from swftp.ftp.context import Context
from swftp.ftp.reply import Refused, Reply, reply
from swftp.session.bell import Bell, fetch
from swftp.session.summing import CRC32, known, summed

ALGORITHMS = {"SHA-256": "sha256", "SHA-512": "sha512", "SHA-1": "sha1", "MD5": "md5", "CRC32": CRC32}
"""Names of the draft (section 4) -> ours."""
_QUOTED = re.compile(rb'"((?:[^"]|"")*)"((?: +\d+){0,2}) *\Z')
_NUMBERS = re.compile(rb"(?<! )(?: +\d+){1,2}\Z")
"""Begins where blanks do: tried at each of them, a line of blanks would take seconds."""
_NUMBER_LIMIT = 19
"""Digits of an offset."""

Command = Callable[[Context, bytes], Awaitable[Reply]]


async def checksum(
    context: Context, raw: bytes, algorithm: str, start: int = 0, end: int | None = None
) -> tuple[bytes, int]:
    """
    The checksum of a file from *start* up to *end* (None: all the rest), and where it really ends.

    Ends with the caller: nothing of it is left when that is cancelled.

    :param algorithm: a name of `ALGORITHMS`.
    :raises InvalidRequest: there are no such bytes.
    """
    session, method, bell = context.session, ALGORITHMS[algorithm], Bell()
    reader = await session.open_reader(context.path(raw), bell.ring)
    try:
        entry = await reader.confirm()
        stop = entry.size if end is None else min(end, entry.size)
        if start > stop:
            raise errors.InvalidRequest("no such bytes in the file")
        found = known(entry, method, start, stop)
        if found is None:

            async def take(position: int, count: int) -> bytes | memoryview:
                return await fetch(reader, bell, position, count)

            found = await summed(take, session.offload, method, start, stop)
        return found, stop
    finally:
        reader.close()


def features(context: Context) -> tuple[str, ...]:
    """What FEAT says: algorithms, a star behind the one that HASH uses (section 3.1), and the older commands."""
    names = (f"{name}{'*' if name == context.hash_algorithm else ''}" for name in ALGORITHMS)
    return "HASH " + ";".join(names), "XCRC", "MD5", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"


async def opts_hash(context: Context, argument: bytes) -> Reply:
    """OPTS HASH, section 3.2: says, or chooses, the algorithm.

    :raises Refused: 501, it is not one of ours.
    """
    wanted = argument.decode("ascii", "replace").strip().upper()
    if wanted:
        if wanted not in ALGORITHMS:
            raise Refused(501, "Unknown algorithm; see FEAT.")
        context.hash_algorithm = wanted
    return reply(200, context.hash_algorithm)


async def hash_(context: Context, argument: bytes) -> Reply:
    """HASH, section 3: of the whole file."""
    _needs(argument)
    found, end = await checksum(context, argument, context.hash_algorithm)
    return reply(213, f"{context.hash_algorithm} 0-{end} {found.hex()} {argument.decode()}")


async def md5(context: Context, argument: bytes) -> Reply:
    """MD5 of draft-twine-ftpmd5-00: of the whole file, its name in the answer."""
    _needs(argument)
    found, _ = await checksum(context, argument, "MD5")
    return reply(251, f"{argument.decode()} {found.hex().upper()}")


def parse_range(argument: bytes) -> tuple[bytes, int, int | None]:
    """
    Path, start and end of ``XCRC "a name" 0 100``: numbers and quotes may be missing; no end is the file's.

    :raises Malformed: it makes no sense.
    """
    if found := _QUOTED.match(argument):
        path, numbers = found[1].replace(b'""', b'"'), found[2].split()
    elif found := _NUMBERS.search(argument):
        path, numbers = argument[: found.start()], found[0].split()
    else:
        path, numbers = argument, []
    if any(len(number) > _NUMBER_LIMIT for number in numbers):
        raise errors.Malformed("no such bytes in the file")
    return _needs(path), int(numbers[0]) if numbers else 0, int(numbers[1]) if numbers[1:] else None


def _needs(path: bytes) -> bytes:
    if not path:
        raise errors.Malformed("a file name is needed")
    return path


async def _ranged(context: Context, argument: bytes, algorithm: str) -> tuple[bytes, int]:
    path, start, end = parse_range(argument)
    if argument[:1] != b'"' and path != argument:  # numbers, or the end of a name that nobody quoted
        try:
            return await checksum(context, argument, algorithm)
        except (errors.NotFound, errors.InvalidName):
            pass
    return await checksum(context, path, algorithm, start, end)


def _older(name: str, algorithm: str) -> Command:
    async def command(context: Context, argument: bytes) -> Reply:
        found, _ = await _ranged(context, argument, algorithm)
        return reply(250, found.hex().upper())

    command.__doc__ = f"{name}, as CuteFTP and Serv-U have it: of a file, or of its bytes from start up to end."
    return command


xcrc = _older("XCRC", "CRC32")
xmd5 = _older("XMD5", "MD5")
xsha = _older("XSHA", "SHA-1")
xsha1 = _older("XSHA1", "SHA-1")
xsha256 = _older("XSHA256", "SHA-256")
xsha512 = _older("XSHA512", "SHA-512")
