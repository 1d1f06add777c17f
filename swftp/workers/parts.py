"""
What of a configuration one of several workers gets: its part of what there is once, all of what there is for each.

The law: all parts together are never more than what was configured.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from swftp.config import Config, WebConfig
from swftp.config.fields import ports, settings_of

SHARED = ("tcp:", "tcp6:", "unix:", "systemd:")
"""How the endpoints begin whose sockets several processes can accept from."""
DIVIDED = (("transfer", "transfer_memory"), ("zerostor", "chunk_memory"), ("zerostor", "read_cache"))
"""Options in bytes that are of the gateway."""
CONNECTIONS_LEAST = 2
"""To the database of zerostor: one that reads and one that writes."""
UNTOLD: dict[str, Any] = {"stats_host": "", "log_statsd_host": ""}
"""The supervisor tells for all."""


def workers_of(config: Config) -> int:
    """How many there are to be."""
    return config.process.workers or len(os.sched_getaffinity(0))


def part_of(config: Config, number: int, count: int) -> Config:
    """
    For worker *number*, from 0, of *count*.

    :raises ConfigError: there is too little for so many, or something is not for many.
    """
    _check_shared(config)
    changed: dict[str, dict[str, Any]] = {"sftp": dict(UNTOLD), "ftp": dict(UNTOLD)}
    for section, option in DIVIDED:
        changed.setdefault(section, {})[option] = _share(config, section, option, count)
    changed["ftp"]["passive_ports"] = passive(config, number, count)
    connections = max(config.storage.num_persistent_connections // count, 1)
    changed["storage"] = {"num_persistent_connections": connections}
    changed["zerostor"] |= _of_zerostor(config, number, count)
    sections = {name: replace(getattr(config, name), **options) for name, options in changed.items()}
    return replace(config, **sections, web=WebConfig(per_login=config.web.per_login))


def _check_shared(config: Config) -> None:
    """
    :raises ConfigError: something is for one process alone.
    """
    if config.storage.storage == "zerostor" and config.zerostor.cache_mode == "exclusive":
        raise config.problem("zerostor", "cache_mode", "exclusive is for one process; with workers: shared")
    for section, option in (("sftp", "listen"), ("ftp", "listen"), ("ftp", "implicit_listen")):
        for text in getattr(getattr(config, section), option):
            if not text.startswith(SHARED):
                raise config.problem(section, option, f"{text}: workers can share only {', '.join(SHARED)}")


def _of_zerostor(config: Config, number: int, count: int) -> dict[str, Any]:
    zerostor = config.zerostor
    return {
        "connections": max(zerostor.connections // count, CONNECTIONS_LEAST),
        "cache_names": zerostor.cache_names // count,
        "scrub_every": 0.0 if number else zerostor.scrub_every,  # one is enough to read all that there is
    }


def _share(config: Config, section: str, option: str, count: int) -> int:
    """
    :raises ConfigError: it is less than a process needs.
    """
    whole: int = getattr(getattr(config, section), option)
    least: int = settings_of(type(getattr(config, section)))[option].metadata["least"] or 0
    if whole // count < least and not (section == "zerostor" and config.storage.storage != "zerostor"):
        words = f"{whole} is too little for {count} workers, each of which needs {least} ({least >> 20} MiB)"
        raise config.problem(section, option, words)
    return max(whole // count, least)


def passive(config: Config, number: int, count: int) -> str:
    """
    The passive ports of worker *number*, from 0, of *count*.

    :raises ConfigError: there are fewer ports than workers.
    """
    span = ports(config.ftp.passive_ports)
    if span is None or "ftp" not in config.protocols:
        return config.ftp.passive_ports
    first, last = span
    size = last - first + 1
    if size < count:
        raise config.problem("ftp", "passive_ports", f"{size} ports are too few for {count} workers")
    begin, end = first + size * number // count, first + size * (number + 1) // count - 1
    return f"{begin}-{end}"
