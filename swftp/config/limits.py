"""How much clients may cause, and for how long those are refused who fail to log in."""

from __future__ import annotations

from dataclasses import dataclass

from swftp.config.fields import network_list, setting

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ThrottleConfig:
    """``[throttle]``: addresses that fail to log in are refused for a while, as by OpenSSH's PerSourcePenalties."""

    least: float = setting(15.0, "penalty from which on an address is refused", unit="seconds")
    most: float = setting(600.0, "the largest penalty; 0 refuses nobody", unit="seconds")
    sources: int = setting(65536, "addresses that are remembered", least=1)
    ipv4_prefix: int = setting(32, "bits of an IPv4 address that are one source", least=1, most=32)
    ipv6_prefix: int = setting(64, "bits of an IPv6 address that are one source", least=1, most=128)
    exempt: tuple[str, ...] = setting((), "networks that are never refused, as in 10.0.0.0/8")


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitsConfig:
    """``[limits]``: how much there may be of what clients cause; 0 is no limit where nothing else is said."""

    total: int = setting(0, "connections")
    per_peer: int = setting(0, "connections from one address (IPv6: one /64)")
    startups_per_peer: int = setting(100, "connections from one address that are not logged in")
    startups_start: int = setting(100, "connections not logged in above which new ones are refused at random")
    startups_rate: int = setting(30, "percentage that is refused then, rising to all at startups_full", most=100)
    startups_full: int = setting(400, "connections not logged in above which all new ones are refused")
    networks: tuple[str, ...] = setting(
        (), "networks from which connections are taken; default: any", read=network_list
    )
    denied_networks: tuple[str, ...] = setting(
        (), "networks from which none are, whatever networks says", read=network_list
    )
    handles: int = setting(256, "open files and directories of one channel", least=1)
    requests: int = setting(1024, "requests of one channel that wait for their answers", least=1)
    unanswered_bytes: int = setting(
        32 * MIB, "bytes of WRITEs of one channel that wait for their answers", unit="bytes", least=64 * KIB
    )
