"""
Facts of files for machines: MLSD and MLST (RFC 3659 section 7), and the times of MDTM and MFMT.

Times are of whole seconds: the fraction that section 2.3 allows is refused by older clients, and two ways to say one
time would differ.
"""

from __future__ import annotations

import calendar
import hashlib
import re
import time
from collections.abc import Callable
from functools import lru_cache

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.ftp.context import Context
from swftp.ftp.reply import Reply, reply
from swftp.paths import Path
from swftp.session.shown import mode, seconds

_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?\Z")
_PERMISSIONS = {Kind.FILE: "adfrw", Kind.DIRECTORY: "cdeflmp", Kind.SYMLINK: "adfrw"}
"""What may be tried (section 7.5.5); whether it works, the store decides."""
_ROOT_PERMISSIONS = "elm"
_BELOW = Path(("anywhere",))
"""Stands for any path but the root."""


def timestamp(mtime: float | None) -> str:
    """*mtime*, seconds since the epoch, as MDTM and the fact ``modify`` say it: UTC (section 2.3)."""
    return _timestamp(seconds(mtime))


@lru_cache(1024)
def _timestamp(moment: int) -> str:
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(moment))


def parse_time(raw: bytes) -> float:
    """
    Seconds since the epoch of a time that a client gives, a fraction dropped.

    :raises Malformed: it is none.
    """
    found = _TIME.match(raw)
    try:
        if found is None:
            raise ValueError
        numbers = [int(group) for group in found.groups()]
        moment = calendar.timegm((*numbers, 0, 0, 0))
        if time.gmtime(moment)[:6] != tuple(numbers):  # 30 February
            raise ValueError
    except (ValueError, OverflowError):
        raise errors.Malformed("time is not YYYYMMDDHHMMSS") from None
    return float(moment)


def _type(entry: Entry, _: Path) -> str:
    """Section 7.5.1.  ``cdir`` and ``pdir`` are never listed: there are clients that go into them."""
    if entry.kind is Kind.SYMLINK:
        target = entry.target or ""
        # clients take the facts up to the first blank, a fact up to the first semicolon
        plain = target.isprintable() and not any(c in target for c in "; ")
        return f"OS.unix=slink:{target}" if target and plain else "OS.unix=slink"
    return "dir" if entry.kind is Kind.DIRECTORY else "file"


def _size(entry: Entry, _: Path) -> str | None:
    return str(entry.size) if entry.kind is Kind.FILE else None


def _modify(entry: Entry, _: Path) -> str:
    return timestamp(entry.mtime)


def _perm(entry: Entry, at: Path) -> str:
    return _ROOT_PERMISSIONS if at.is_root else _PERMISSIONS[entry.kind]


def _unique(_: Entry, at: Path) -> str:
    """The same for the same path; another name for a file is another file, as every link is an entry of its own."""
    return hashlib.blake2b(str(at).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _mode(entry: Entry, _: Path) -> str:
    return _octal(mode(entry))


@lru_cache(4096)
def _octal(bits: int) -> str:
    return f"0{bits:03o}"


FACTS: dict[str, Callable[[Entry, Path], str | None]] = {
    "type": _type,
    "size": _size,
    "modify": _modify,
    "perm": _perm,
    "unique": _unique,
    "UNIX.mode": _mode,
}
"""Name -> value, None where an entry has none."""
DEFAULT = ("type", "size", "modify", "perm", "UNIX.mode")
"""Given unless OPTS MLST says otherwise."""


def chosen(context: Context) -> tuple[str, ...]:
    """The facts that this client wants."""
    return DEFAULT if context.facts is None else context.facts


def facts(entry: Entry, at: Path, names: tuple[str, ...]) -> str:
    """
    The facts of *entry*, each with its semicolon; what follows is a blank and the name (section 7.2).

    :param at: where it is, as the client sees it.
    """
    return "".join([f"{name}={value};" for name in names if (value := FACTS[name](entry, at)) is not None])


def listed(entry: Entry, parent: Path, names: tuple[str, ...]) -> str:
    """The facts of *entry* in the listing of *parent*."""
    return facts(entry, parent.child(entry.name) if "unique" in names else _BELOW, names)


def features(context: Context) -> tuple[str, ...]:
    """What FEAT says: all facts, a star behind those that are given now (section 7.8)."""
    now = chosen(context)
    return ("MLST " + "".join(f"{name}{'*' if name in now else ''};" for name in FACTS),)


async def opts_mlst(context: Context, argument: bytes) -> Reply:
    """OPTS MLST, section 7.9: names we do not know are left out, and the answer says what is left."""
    wanted = {name.strip().lower() for name in argument.decode("utf-8", "replace").split(";")}
    context.facts = tuple(name for name in FACTS if name.lower() in wanted)
    return reply(200, ("MLST OPTS " + "".join(f"{name};" for name in context.facts)).rstrip())
