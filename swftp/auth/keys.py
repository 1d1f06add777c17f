"""
The authorized keys file: which public key is which login, and which stored credential it stands for.

Lines are those of OpenSSH's ``authorized_keys`` (sshd(8)), with two options more::

    login="backup",credential="backup",from="10.0.0.0/8",root="/backups/web1" ssh-ed25519 AAAA… web1

=====================  ================================================================================
``credential="…"``     section of the credentials file; needed
``login="…"``          what the client must give as its user name; the credential's name if it is left out
``root="/c/prefix"``   what the client sees as ``/``
``from="…"``           addresses, networks and patterns like ``10.1.*``; ``!`` in front excludes
``expiry-time="…"``    ``YYYYMMDD[HHMM[SS]][Z]``, the first moment at which the key is no longer good
``no-touch-required``  a security key need not be touched
``verify-required``    a security key must have verified its user (PIN, fingerprint)
=====================  ================================================================================

``restrict`` and the ``no-…`` options of OpenSSH are always in force.  Every other option is an error: a line that
would be stricter elsewhere than it is here must not be taken.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from pathlib import Path as FilePath

from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key

from swftp.auth.reloaded import guarded_text
from swftp.auth.settings import SettingsError
from swftp.errors import InvalidName
from swftp.paths import ROOT, Path, resolve

OPTION = "authorized_keys"
FORBIDDEN = 0o022
"""Permission bits the file must not have: whoever can write it can log in."""
RSA_LEAST = 2048
"""Bits."""
ALWAYS = frozenset(
    ("restrict", "no-pty", "no-agent-forwarding", "no-port-forwarding", "no-x11-forwarding", "no-user-rc")
)
"""Options that forbid what there is none of."""
FLAGS = frozenset(("no-touch-required", "verify-required"))
VALUES = frozenset(("credential", "login", "root", "from", "expiry-time"))
ONE_OPTION = re.compile(r'([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?(,|[ \t]+|$)')
KEY_TYPE = re.compile(r"(?:ssh|ecdsa|sk)-[a-z0-9@.-]+")
EXPIRY = re.compile(r"(\d{8}|\d{12}|\d{14})(Z?)")
PATTERN = re.compile(r"[0-9a-fA-F.:*?]+(?:/\d{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizedKey:
    """One line."""

    login: str
    blob: bytes
    credential: str
    root: Path = ROOT
    sources: tuple[str, ...] = ()
    """Patterns of ``from``; empty: everywhere."""
    expires: float | None = None
    """Seconds since the epoch."""
    touch: bool = True
    """Whether a security key must be touched."""
    verify: bool = False
    """Whether a security key must verify its user."""

    def admits(self, peer: str, now: float) -> bool:
        """Whether the key is good for a client at *peer* at *now*, seconds since the epoch."""
        return (self.expires is None or now < self.expires) and (not self.sources or _comes_from(peer, self.sources))


def read_keys(path: FilePath) -> Mapping[str, tuple[AuthorizedKey, ...]]:
    """
    The keys of *path* by login.

    :raises SettingsError: it cannot be read, can be written by others, or is wrong; names file and line.
    """
    keys: dict[str, tuple[AuthorizedKey, ...]] = {}
    for number, line in enumerate(guarded_text(path, OPTION, FORBIDDEN).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            key = parse_line(text)
        except ValueError as error:
            raise SettingsError(OPTION, f"{path}:{number}: {error}") from None
        keys[key.login] = (*keys.get(key.login, ()), key)
    return keys


def parse_line(text: str) -> AuthorizedKey:
    """
    :raises ValueError: the line is wrong.
    """
    values = {name: value for name, value in _options(text)[0].items() if value is not None}
    if not values.get("credential"):
        raise ValueError('credential="…" is missing')
    return parse_options(text, values.get("login") or values["credential"], values["credential"])


def parse_options(text: str, login: str, credential: str = "") -> AuthorizedKey:
    """
    The key of *text*, whatever its options say of login and credential.

    :raises ValueError: the line is wrong.
    """
    options, rest = _options(text)
    values = {name: value for name, value in options.items() if value is not None}
    return AuthorizedKey(
        login=login,
        blob=_blob(rest),
        credential=credential,
        root=_root(values.get("root", "/")),
        sources=_sources(values["from"]) if "from" in values else (),
        expires=_expiry(values["expiry-time"]) if "expiry-time" in values else None,
        touch="no-touch-required" not in options,
        verify="verify-required" in options,
    )


def _options(text: str) -> tuple[dict[str, str | None], str]:
    """The options of a line, and what follows them."""
    options: dict[str, str | None] = {}
    if KEY_TYPE.fullmatch(text.split(None, 1)[0]):
        return options, text
    at, more = 0, True
    while more:
        match = ONE_OPTION.match(text, at)
        if not match:
            raise ValueError(f"column {at + 1} is neither an option nor a key")
        name, value = match[1].lower(), match[2]
        if name in options:
            raise ValueError(f"option {name} appears twice")
        if not (name in VALUES if value is not None else name in ALWAYS | FLAGS):
            raise ValueError(f"option {name}{'=' if value is not None else ''} is not supported")
        options[name] = None if value is None else re.sub(r"\\(.)", r"\1", value)
        at, more = match.end(), match[3] == ","
    return options, text[at:]


def _blob(text: str) -> bytes:
    words = text.split(None, 2)
    if len(words) < 2 or not KEY_TYPE.fullmatch(words[0]) or "-cert-" in words[0]:
        raise ValueError("no public key: a key type and base64 are needed")
    try:
        blob = base64.b64decode(words[1], validate=True)
        key = Key.fromString(blob, type="blob")  # type: ignore[no-untyped-call]
    except Exception:  # Conch raises whatever struct, cryptography and it itself think of
        raise ValueError(f"not a public key of type {words[0]}") from None
    if not blob.startswith(NS(words[0].encode())):
        raise ValueError(f"the key is not of type {words[0]}")
    if key.type() == "DSA" or (key.type() == "RSA" and key.size() < RSA_LEAST):
        raise ValueError(f"the key is too weak: DSA, or RSA of less than {RSA_LEAST} bits")
    return blob


def _root(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError("root does not begin with /")
    try:
        return resolve(text)
    except InvalidName as error:
        raise ValueError(f"root: {error}") from None


def _sources(text: str) -> tuple[str, ...]:
    patterns = tuple(pattern.strip() for pattern in text.split(","))
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        if not PATTERN.fullmatch(bare):
            raise ValueError(
                f"from: {bare!r} is no address, network or pattern of one (host names are not looked up)"
            )
        if "/" in bare:
            ip_network(bare)
    return tuple(map(_shortest, patterns))


def _shortest(pattern: str) -> str:
    """*pattern*, of a whole address in the one spelling that is compared: an IPv6 address has many."""
    bare = pattern.removeprefix("!")
    if "/" in bare or "*" in bare or "?" in bare:
        return pattern
    address = ip_address(bare)
    return pattern[: len(pattern) - len(bare)] + str(getattr(address, "ipv4_mapped", None) or address)


def _comes_from(peer: str, patterns: tuple[str, ...]) -> bool:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    found = False
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        hit = address in ip_network(bare) if "/" in bare else fnmatchcase(str(address), bare.lower())
        if hit and pattern.startswith("!"):
            return False
        found = found or hit
    return found


def _expiry(text: str) -> float:
    match = EXPIRY.fullmatch(text)
    if not match:
        raise ValueError(f"expiry-time: {text!r} is not YYYYMMDD[HHMM[SS]][Z]")
    try:
        moment = datetime.strptime(match[1].ljust(14, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        raise ValueError(f"expiry-time: there is no {text!r}") from None
    return (moment.replace(tzinfo=UTC) if match[2] else moment).timestamp()  # without Z: our own time zone
