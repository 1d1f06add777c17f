"""Where servers listen, as the configuration says it: seen to be right before anything listens."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor

from swftp.config import Config

BACKLOG = 1024
"""Connections the kernel may hold for us."""
UNIX_LIMIT = 107
"""Bytes of the path of a socket (unix(7))."""
PORTS = range(65536)
ANY = "0.0.0.0"  # noqa: S104  (what an endpoint without interface means)


def endpoints(config: Config, section: str, option: str, reactor: Any) -> list[IStreamServerEndpoint]:
    """
    Where a server is to listen: what *option* of *section* says, or for ``listen`` its host and port.

    :raises ConfigError: nobody can listen at what *option* says.
    """
    options = getattr(config, section)
    texts = getattr(options, option)
    if not texts and option == "listen":
        kind = TCP6ServerEndpoint if ":" in options.host else TCP4ServerEndpoint
        return [kind(reactor, options.port, BACKLOG, options.host)]
    try:
        for text in texts:
            _try(text)
        return [serverFromString(reactor, text) for text in texts]  # type: ignore[no-untyped-call]
    except KeyError as error:
        raise config.problem(section, option, f"no endpoint: systemd gave us no socket {error}") from error
    except (ValueError, TypeError, IndexError, OSError) as error:
        raise config.problem(section, option, f"no endpoint: {error}") from error


def _try(text: str) -> None:
    """
    Listen at the endpoint *text* on a reactor that only notes what it was asked for.

    :raises ValueError: no kernel would.
    """
    if text.startswith("systemd:"):
        return  # a socket that somebody has opened already
    noted = _noted(text)
    for port in [server[0] for server in [*noted.tcpServers, *noted.sslServers]]:
        if port not in PORTS:
            raise ValueError(f"port {port} is not between {PORTS[0]} and {PORTS[-1]}")
    for address in [server[0] for server in noted.unixServers]:
        _try_path(Path(os.fsdecode(address)))


def _noted(text: str) -> MemoryReactor:
    noted = MemoryReactor()  # type: ignore[no-untyped-call]
    serverFromString(noted, text).listen(Factory())  # type: ignore[no-untyped-call]
    return noted


def tell_apart(config: Config, options: Iterable[tuple[str, str]]) -> None:
    """
    :param options: section and option, each of which `endpoints` takes.
    :raises ConfigError: two servers are to have the same port of one address.
    """
    taken: dict[tuple[str, int], str] = {}
    for section, option in options:
        given, told = getattr(config, section), option
        found = _addresses(getattr(given, option))
        if not getattr(given, option) and option == "listen":
            found, told = [(given.host, given.port)], "port"
        for address in found:
            _, port = address
            if port and address in taken:
                raise config.problem(section, told, f"port {port} is that of {taken[address]} already")
            taken[address] = f"[{section}] {told}"


def _addresses(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Host and port of each of the endpoints *texts* that are of TCP."""
    noted = [_noted(text) for text in texts if not text.startswith("systemd:")]
    return [(server[3] or ANY, server[0]) for each in noted for server in each.tcpServers]


def _try_path(path: Path) -> None:
    if len(os.fsencode(path)) > UNIX_LIMIT:
        raise ValueError(f"{path} is longer than {UNIX_LIMIT} bytes")
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is no directory")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ValueError(f"{path.parent} cannot be written")
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise ValueError(f"{path} is there, and is no socket")
