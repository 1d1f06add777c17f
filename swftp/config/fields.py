"""
One option of ``swftp.conf``: its default, its help, and how its text becomes a value.

The type of the default says how the text is read: a bool, a whole number, a number, a text or a tuple of texts;
a unit of ``bytes`` allows suffixes.  Sections are frozen dataclasses whose fields `setting` makes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from ipaddress import IPv4Address, ip_network
from typing import Any

from swftp.errors import InvalidName
from swftp.paths import resolve
from swftp.secretfiles import located

BOOLEANS = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}
SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?")
HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
SCALE = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    choices: tuple[str, ...] = (),
    least: float | None = 0,
    most: float | None = None,
    old: str = "",
    read: Callable[[str], Any] | None = None,
) -> Any:
    """
    A field of a section.

    :param unit: ``seconds``, ``bytes``, ...: shown in the documentation.
    :param choices: the texts that are allowed, if only these are.
    :param least: the smallest number allowed; *most*: the largest.
    :param old: option of ``[sftp]`` and ``[ftp]`` that is still understood as this one.
    :param read: makes the value from its text instead of what the type of *default* says; may raise ValueError.
    """
    meta = {
        "help": help,
        "unit": unit,
        "choices": choices,
        "least": least,
        "most": most,
        "old": old,
        "read": read,
    }
    return field(default=default, metadata=meta)


def settings_of(section: type) -> dict[str, Field[Any]]:
    """The options of *section* by name, in their order."""
    return {option.name: option for option in fields(section) if "help" in option.metadata}


def default_of(option: Field[Any]) -> Any:
    """What *option* is when nobody sets it."""
    return None if option.default is MISSING else option.default


def parse(option: Field[Any], text: str) -> Any:
    """
    The value that *text* means for *option*.

    :raises ValueError: it means none; the message says what is allowed.
    """
    meta, default = option.metadata, default_of(option)
    if meta["read"] is not None:
        return meta["read"](text)
    if meta["choices"] and not isinstance(default, tuple):
        return _choice(text, meta["choices"])
    if isinstance(default, bool):
        return _boolean(text)
    if isinstance(default, int | float):
        return _number(text, default, meta)
    if isinstance(default, tuple):
        return tuple(_choice(word, meta["choices"]) for word in text.replace(",", " ").split())
    return text


def _choice(text: str, choices: tuple[str, ...]) -> str:
    if choices and text not in choices:
        raise ValueError(f"{text!r} is not one of: {', '.join(filter(None, choices))}")
    return text


def _boolean(text: str) -> bool:
    value = BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError(f"{text!r} is not one of: yes, no, true, false, on, off, 1, 0")
    return value


def _number(text: str, default: float, meta: Mapping[str, Any]) -> float:
    value = _size(text) if meta["unit"] == "bytes" else _plain(text, type(default))
    least, most = meta["least"], meta["most"]
    if (least is not None and value < least) or (most is not None and value > most):
        shown = sized if meta["unit"] == "bytes" else "{:g}".format
        raise ValueError(f"{text!r} is not {allowed(least, most, shown)}")
    return value


def _plain(text: str, kind: type) -> float:
    if not NUMBER.fullmatch(text) or (kind is int and "." in text):
        raise ValueError(f"{text!r} is not a {'whole ' if kind is int else ''}number")
    value: float = kind(text)
    return value


def _size(text: str) -> int:
    match = SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a size in bytes (as in 65536, 64K or 32MiB)")
    return int(float(match[1]) * SCALE[match[2].upper()])


def sized(value: float) -> str:
    """*value* bytes, as one would write it."""
    for suffix in "TGMK":
        if value and value % SCALE[suffix] == 0:
            return f"{value // SCALE[suffix]:.0f}{suffix}iB"
    return f"{value:.0f}"


def allowed(least: float | None, most: float | None, shown: Callable[[float], str]) -> str:
    """A range in words."""
    if most is None:
        return f"{shown(least or 0)} or more"
    return f"{shown(most)} or less" if least is None else f"from {shown(least)} to {shown(most)}"


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """
    ``name: value, name: value``.

    The first colon ends the name.  A value that holds a comma stands in double quotes, in which a
    backslash makes the next character itself.

    :raises ValueError: something is not of that form.
    """
    found, rest = [], text.strip()
    while rest:
        match = re.match(r'([^:,"\s]+)\s*:\s*("(?:[^"\\]|\\.)*"|[^",]*?)\s*(?:,\s*|$)', rest)
        if not match:
            raise ValueError(f'{rest!r} is not of the form name: value, name: "quoted, value"')
        name, value = match[1], match[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.append((name, value))
        rest = rest[match.end() :]
    return tuple(found)


OURS = frozenset(
    {"connection", "content-length", "etag", "expect", "keep-alive", "range", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "x-auth-token", "x-trans-id-extra"}
)
"""Headers of single requests: the same value in all would cut bodies, or let everybody in as one."""


def headers(text: str) -> tuple[tuple[str, str], ...]:
    """
    As `pairs`, of HTTP headers (RFC 9110 section 5) that say nothing of where a message ends, or who sends it.

    :raises ValueError: something is not of that form, or no such header.
    """
    found = pairs(text)
    for name, value in found:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not re.fullmatch(r"[\t\x20-\x7e]*", value):
            raise ValueError(f"{name!r}: {value!r} is not an HTTP header")
        if name.lower() in OURS:
            raise ValueError(f"{name!r} is a header that each request has its own of")
    return found


def ports(text: str) -> tuple[int, int] | None:
    """
    The first and the last of ``first-last``; None: any.

    :raises ValueError: it is no range of ports.
    """
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})\s*-\s*(\d{1,5})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]) <= 65535:
        raise ValueError(f"{text!r} is not of the form first-last, from 1 to 65535")
    return int(found[1]), int(found[2])


def port_range(text: str) -> str:
    """
    *text*, if `ports` can read it.

    :raises ValueError: it cannot.
    """
    ports(text)
    return text


def public(text: str) -> str:
    """
    *text*, if PASV can tell it to clients: an IPv4 address, or a host name that is one's.

    :raises ValueError: it cannot.
    """
    if text.rpartition(".")[2].isdigit():
        IPv4Address(text)
        return text
    if text and not HOST.fullmatch(text):
        raise ValueError(f"{text!r} is neither an IPv4 address nor a host name")
    return text


def public_of(text: str) -> tuple[tuple[str, str], ...]:
    """
    As `pairs`, of networks and what `public` can read.

    :raises ValueError: one of them is something else.
    """
    found = pairs(text)
    for network, address in found:
        ip_network(network, strict=False)
        public(address)
    return found


def words(text: str) -> list[str]:
    """
    A program and its arguments; what holds a blank stands in quotes.

    :raises ValueError: a quote is not closed, or the program is not an absolute path.
    """
    found = shlex.split(text)
    if found and not found[0].startswith("/"):
        raise ValueError(f"{found[0]!r} does not begin with /")
    return found


def command_line(text: str) -> str:
    """
    *text*, if `words` can read it.

    :raises ValueError: it cannot.
    """
    words(text)
    return text


def secrets(text: str) -> tuple[str, ...]:
    """
    Files of secrets, as `located`.

    :raises ValueError: one is a credential that is not there.
    """
    return tuple(map(located, text.replace(",", " ").split()))


def network_list(text: str) -> tuple[str, ...]:
    """
    Networks and addresses, separated by blanks or commas.

    :raises ValueError: one is something else.
    """
    found = tuple(text.replace(",", " ").split())
    for network in found:
        ip_network(network, strict=False)
    return found


def ending(text: str) -> str:
    """
    *text*, if the name of a container can end with it and differ by that from others.

    :raises ValueError: it cannot.
    """
    if not text or "/" in text:
        raise ValueError(f"{text!r} cannot be the ending of a container's name")
    return text


def root_path(text: str) -> str:
    """
    *text*, if it is the path of a directory.

    :raises ValueError: it does not begin with a slash, or no file can be there.
    """
    if not text.startswith("/"):
        raise ValueError(f"{text!r} does not begin with /")
    try:
        resolve(text)
    except InvalidName as error:
        raise ValueError(f"{text!r}: {error}") from None
    return text
