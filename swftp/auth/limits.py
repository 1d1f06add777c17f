"""
How many clients may be there at once, and how many of them not logged in (OpenSSH's MaxStartups).

Knows no protocol: a connection asks for a `Place` when it is accepted, settles when it is logged in, and leaves.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swftp.auth.throttle import Offence

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionLimits:
    """Numbers of connections; 0 turns a limit off."""

    startups_start: int = 100
    """Not logged in: from here on some are turned away at random."""
    startups_rate: int = 30
    """Percent of them at ``startups_start``; it rises to all at ``startups_full``."""
    startups_full: int = 400
    """Not logged in: from here on all are turned away."""
    startups_per_peer: int = 100
    """Not logged in, from one address (IPv6: one /64)."""
    per_peer: int = 0
    """From one address (IPv6: one /64)."""
    total: int = 0
    """In all."""
    networks: tuple[str, ...] = ()
    """From which connections are taken; empty: any."""
    denied_networks: tuple[str, ...] = ()
    """From which none are."""


class Origin:
    """Where clients may come from."""

    def __init__(self, allowed: Iterable[str], denied: Iterable[str]) -> None:
        """
        :param allowed: networks; none: everywhere.
        :raises ValueError: something is no network.
        """
        self._allowed, self._denied = networks(allowed), networks(denied)

    def admits(self, peer: str) -> bool:
        """Whether *peer*, the text of an address, is there; a UNIX socket is in no network."""
        if not self._allowed and not self._denied:
            return True
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return not self._allowed
        address = getattr(address, "ipv4_mapped", None) or address
        inside = not self._allowed or any(address in network for network in self._allowed)
        return inside and not any(address in network for network in self._denied)


class Admission:
    """
    Counts connections; shared by all listeners that share limits.

    :ivar tell: is called with a source, and by how many its connections and those not logged in have changed here.
    """

    def __init__(self, limits: AdmissionLimits, chance: random.Random | None = None) -> None:
        self.change(limits)
        self.tell: Callable[[str, int, int], object] = lambda source, connections, starting: None
        self._chance = chance or random.SystemRandom()
        self._starting = self._all = 0
        self._starting_from: Counter[str] = Counter()
        self._from: Counter[str] = Counter()

    def admit(self, peer: str) -> Place | None:
        """
        A place for a connection from *peer*, or None: turn it away.

        :param peer: IP address as text; anything else counts as an address of its own.
        """
        if self.refuses(peer):
            return None
        source = source_of(peer)
        self._count(source, 1, 1)
        return Place(self, source, peer)

    def elsewhere(self, source: str, connections: int, starting: int) -> None:
        """By so many have the connections changed that other processes have from *source*: they count as ours do."""
        self._all += connections
        self._starting += starting
        self._from[source] += connections
        self._starting_from[source] += starting
        self._forget(source)

    def _count(self, source: str, connections: int, starting: int) -> None:
        """By so many have ours."""
        self.elsewhere(source, connections, starting)
        self.tell(source, connections, starting)

    def refuses(self, peer: str) -> bool:
        """Whether there is no place for *peer* now, or chance is against it."""
        limits, source = self._limits, source_of(peer)
        return (
            not self._origin.admits(peer)
            or _reached(self._all, limits.total)
            or _reached(self._from[source], limits.per_peer)
            or _reached(self._starting_from[source], limits.startups_per_peer)
            or self._drop_early()
        )

    def blame(self, peer: str, offence: Offence) -> None:
        """*peer* did *offence* instead of logging in."""

    def change(self, limits: AdmissionLimits) -> None:
        """For connections to come; those that are there stay."""
        self._limits = limits
        self._origin = Origin(limits.networks, limits.denied_networks)

    def _drop_early(self) -> bool:
        limits, starting = self._limits, self._starting
        if _reached(starting, limits.startups_full):
            return True
        if not _reached(starting, limits.startups_start):
            return False
        span = max(limits.startups_full - limits.startups_start, 1)
        rate = limits.startups_rate + (100 - limits.startups_rate) * (starting - limits.startups_start) / span
        return self._chance.random() * 100 < rate

    def _settled(self, source: str) -> None:
        self._count(source, 0, -1)

    def _left(self, source: str) -> None:
        self._count(source, -1, 0)

    def _forget(self, source: str) -> None:
        for counter in (self._from, self._starting_from):
            if not counter[source]:
                del counter[source]


class Place:
    """One admitted connection."""

    def __init__(self, admission: Admission, source: str, peer: str) -> None:
        self._admission: Admission | None = admission
        self._source = source
        self._peer = peer
        self._blamed = False
        self._starting = True

    def settle(self) -> None:
        """It is logged in."""
        if self._starting and self._admission is not None:
            self._starting = False
            self._admission._settled(self._source)

    def blame(self, offence: Offence | None) -> None:
        """It did *offence* instead of logging in; one counts."""
        if offence is not None and self._starting and self._admission is not None and not self._blamed:
            self._blamed = True
            self._admission.blame(self._peer, offence)

    def leave(self, offence: Offence | None = None) -> None:
        """
        It is gone; saying so again is harmless.

        :param offence: what it did if it never was logged in.
        """
        admission = self._admission
        if admission is not None:
            self.blame(offence)
            self.settle()
            self._admission = None
            admission._left(self._source)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """
    :raises ValueError: one of *texts* is no network.
    """
    return tuple(ip_network(text, strict=False) for text in texts)


def source_of(peer: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))


def _reached(count: int, limit: int) -> bool:
    return 0 < limit <= count
