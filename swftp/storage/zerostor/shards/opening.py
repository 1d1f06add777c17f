"""
From the address of a shard to the shard.  Nothing is connected to, or looked at, before the first call.

========================================  =========================================================
``zdb://[:password@]host[:9900]/name``    a namespace of a 0-db (without a name: ``default``)
``redis://[:password@]host[:6379]/0``     a database of a redis-server
``file:///path``                          a directory that `prepare` has made
========================================  =========================================================

``zdbs:`` and ``rediss:`` are the first two over TLS; ``?cacert=FILE`` says whose certificates are good instead of
those of the system.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS

from swftp.pools import Pool
from swftp.storage.zerostor.shards import files
from swftp.storage.zerostor.shards.directory import OVERDUE, DirectoryShard
from swftp.storage.zerostor.shards.interfaces import CONNECT_TIMEOUT, TIMEOUT, IShard, Offload
from swftp.storage.zerostor.shards.redis import RedisShard
from swftp.storage.zerostor.shards.zdb import ZdbShard
from swftp.trust import NoAuthority, authorities

PORTS = {"zdb": 9900, "zdbs": 9900, "redis": 6379, "rediss": 6379}
TLS = frozenset({"zdbs", "rediss"})
CACERT = "cacert="


def open_shard(
    url: str,
    reactor: Any,
    offload: Offload | None = None,
    *,
    password: str | None = None,
    connect_timeout: float = CONNECT_TIMEOUT,
    timeout: float = TIMEOUT,
) -> IShard:
    """
    The shard at *url*.

    :param reactor: connects, resolves names, and is the clock.
    :param offload: runs what a directory has to do; None: it gets threads of its own, so that a disk that hangs takes
        none from others, and three disks are written to at the same time.  Other shards need no thread.
    :param password: instead of the one in *url*.
    :param connect_timeout: seconds for a connection to be there and usable.
    :param timeout: seconds for one call.
    :raises ValueError: *url* is none of a shard; the text holds no password.
    """
    parts = split(url)
    if parts.scheme == "file":
        return _directory(folder_of(parts), reactor, offload, timeout)
    host, port, place = _server(parts)
    if password is None and parts.password:
        password = unquote(parts.password)
    name = f"{parts.scheme}://{host}:{port}/{place}"
    endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, host, port, timeout=connect_timeout)
    if parts.scheme in TLS:
        endpoint = wrapClientTLS(optionsForClientTLS(host, trusted(parts)), endpoint)
    if parts.scheme.startswith("zdb"):
        return ZdbShard(name, endpoint, reactor, unquote(place), password, connect_timeout, timeout)
    return RedisShard(name, endpoint, reactor, int(place or 0), password, connect_timeout, timeout)


def check(url: str) -> None:
    """
    :raises ValueError: `open_shard` would refuse *url*; the text holds no password.
    """
    parts = split(url)
    if parts.scheme == "file":
        folder_of(parts)
        return
    _server(parts)
    trusted(parts)


def _server(parts: SplitResult) -> tuple[str, int, str]:
    """Host, port and what is behind the slash, of a shard that is no directory."""
    host, port = parts.hostname, port_of(parts)
    if not host:
        raise ValueError("a shard's address needs a host")
    place = parts.path.removeprefix("/")
    if parts.scheme.startswith("redis") and place and not place.isdecimal():
        raise ValueError(f"{parts.scheme}://{host}:{port}/{place}: the database of a redis is a number")
    return host, port, place


def _directory(root: Path, reactor: Any, offload: Offload | None, timeout: float) -> DirectoryShard:
    if offload is not None:
        return DirectoryShard(root, reactor, offload, timeout)
    pool = Pool(f"disk {root}", OVERDUE, reactor)
    pool.start()
    return DirectoryShard(root, reactor, pool.run, timeout, pool.stop)


def prepare(url: str) -> None:
    """
    Make the directory of a ``file:`` address a shard, if it is none yet.  Others are made by who runs them.

    :raises ValueError: *url* is none of a shard.
    :raises OSError: the directory cannot be made, or there is something else in it.
    """
    parts = split(url)
    if parts.scheme == "file":
        files.prepare(folder_of(parts))


def split(url: str) -> SplitResult:
    """
    :raises ValueError: no address of a shard.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("file", *PORTS):
        raise ValueError(f"a shard is zdb(s)://, redis(s):// or file://, not {parts.scheme or 'nothing'}://")
    if parts.query and not (parts.scheme in TLS and parts.query.startswith(CACERT)):
        raise ValueError("behind the ? of a shard's address only cacert= is known, with zdbs:// and rediss://")
    return parts


def trusted(parts: SplitResult) -> Any:
    """
    Whose certificates are good, as a ``trustRoot``; None: those of the system.

    :raises ValueError: the file cannot be used.
    """
    if not parts.query:
        return None
    try:
        return authorities(unquote(parts.query.removeprefix(CACERT)))
    except NoAuthority as error:
        raise ValueError(str(error)) from error


def port_of(parts: SplitResult) -> int:
    """
    :raises ValueError: no port; what stands there may be part of a password, and is not told.
    """
    try:
        return parts.port or PORTS[parts.scheme]
    except ValueError:
        raise ValueError(
            "a shard's address has a bad port, or a password with / ? # or % that is not quoted"
        ) from None


def folder_of(parts: SplitResult) -> Path:
    """
    :raises ValueError: not a path of this machine.
    """
    if parts.netloc or not parts.path.startswith("/") or parts.path == "/":
        raise ValueError("a shard's directory is file:///path, from the root on")
    return Path(unquote(parts.path))
