"""
A real OpenStack Swift in one process: proxy, account, container and object server.

    python -m swftp.demo.embedded --data DIR [--port 18080] [--user test:tester:testing:.admin ...]

The four servers are Swift's own WSGI applications under eventlet, each on a port of its own on loopback; the ring is
made by Swift's RingBuilder, one replica in DIR, which must be on a file system with user xattrs (ext4, xfs, btrfs,
tmpfs from Linux 6.6).  No memcached, no root, no /etc/swift.  Prints a line of JSON when ready: ``url`` and ``pid``.

Nothing else of the product may import eventlet, and this module imports Swift only after eventlet has patched
the standard library.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from swftp.demo import conf

DEFAULT_USER = "test:tester:testing:.admin"
UPDATE_SECONDS = 5.0
"""How often the sizes of containers are carried to the account."""


class Unusable(Exception):
    """The servers cannot be started; the message says why and what would help."""


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m swftp.demo.embedded", description="A real Swift in one process.")
    parser.add_argument("--data", required=True, type=Path, help="directory of everything it stores")
    parser.add_argument("--port", type=int, default=18080, help="of the proxy; 0: any (18080)")
    parser.add_argument("--user", action="append", help=f"account:user:key:groups ({DEFAULT_USER})")
    parser.add_argument("--max-file-size", type=int, default=5368709122, help="largest object in bytes (5 GiB + 2)")
    parser.add_argument("--listing-limit", type=int, default=10_000, help="names in one listing (10,000)")
    parser.add_argument("--max-segments", type=int, default=1000, help="of one large object (1000)")
    parser.add_argument("--without", action="append", default=[], help="a filter to leave out, as slo (none)")
    parser.add_argument("--no-info", action="store_true", help="do not tell limits at /info")
    parser.add_argument("--keystone", default="", help="URL of a Keystone whose tokens are taken, too (none)")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    return parser.parse_args(argv)


def claim(data: Path) -> TextIO:
    """
    Make *data* ours until the returned file is closed.

    :raises Unusable: it cannot hold a Swift, or another one uses it.
    """
    try:
        (data / "d1").mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "etc").mkdir(mode=0o700, exist_ok=True)
        lock = (data / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Unusable(f"{data} is in use by another Swift; choose another directory with --data") from error
    except OSError as error:
        raise Unusable(f"{data} cannot be used: {error.strerror}; choose another directory with --data") from error
    try_xattrs(data / "lock")
    return lock


def try_xattrs(path: Path) -> None:
    """
    See whether files where *path* is can have what Swift writes beside their content.

    :raises Unusable: they cannot.
    """
    try:
        os.setxattr(path, b"user.swftp", b"x" * 256)
    except OSError as error:
        raise Unusable(
            f"{path.parent} is on a file system without user xattrs, which Swift needs ({error.strerror}); choose a "
            "directory on ext4, xfs, btrfs, or tmpfs of Linux 6.6 or later with --data"
        ) from error


def patch(etc: Path, max_file_size: int, listing_limit: int) -> None:
    """Make the standard library eventlet's, and Swift look for its files in *etc*."""
    warnings.simplefilter("ignore")
    import eventlet
    from swift.common import utils

    utils.monkey_patch()
    eventlet.hubs.use_hub(utils.get_hub())
    os.environ["TZ"] = "UTC+0"
    time.tzset()
    conf.write_swift(etc, max_file_size, listing_limit)
    utils.set_swift_dir(str(etc))
    from swift.common import constraints

    constraints.reload_constraints()


def listen(port: int) -> dict[str, Any]:
    """
    A listening socket for each server; only the proxy's *port* is not just any.

    :raises Unusable: the port is taken.
    """
    import eventlet

    sockets = {}
    for kind in (*conf.BACKENDS, "proxy"):
        wanted = port if kind == "proxy" else 0
        try:
            # without reuse_port=False two Swifts could share a port unnoticed
            sockets[kind] = eventlet.listen(("127.0.0.1", wanted), backlog=1024, reuse_port=False)
        except OSError as error:
            raise Unusable(f"port {wanted} of 127.0.0.1 cannot be used: {error.strerror}") from error
    return sockets


def make_rings(etc: Path, sockets: dict[str, Any]) -> None:
    """One replica on the one device; the ports change with every start, the places of objects do not."""
    from swift.common.ring import RingBuilder

    for kind in conf.BACKENDS:
        builder = RingBuilder(4, 1, 0)
        port = sockets[kind].getsockname()[1]
        builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1.0})
        builder.rebalance()
        builder.get_ring().save(str(etc / f"{kind}.ring.gz"), format_version=1)


def serve(kind: str, path: Path, socket: Any) -> Any:
    """The green thread of the server that the file *path* describes."""
    import eventlet.wsgi
    from swift.common import constraints, utils, wsgi

    app = wsgi.loadapp(str(path), global_conf={"log_name": f"{kind}-server", "log_to_console": "true"})
    return eventlet.spawn(
        eventlet.wsgi.server,
        socket,
        app,
        utils.NullLogger(),
        custom_pool=wsgi.RestrictedGreenPool(size=1024),
        protocol=wsgi.SwiftHttpProtocol,
        socket_timeout=60,
        capitalize_response_headers=False,
        url_length_limit=constraints.MAX_REQUEST_LINE,
    )


def stamp(database: Path) -> tuple[int, ...]:
    """What differs once anything was written to the SQLite file *database*, or to the rows that wait beside it."""
    found: list[int] = []
    for path in (database, database.with_name(f"{database.name}.pending")):
        with suppress(FileNotFoundError):
            status = path.stat()
            found += status.st_mtime_ns, status.st_size
    return tuple(found)


def updater(data: Path, etc: Path) -> Any:
    """
    Swift's container-updater, which leaves alone what was not written to since it last found nothing to carry.

    Swift's own opens every database each time, those of removed containers too: 150 take a twentieth of a processor.
    """
    from swift.container.updater import ContainerUpdater

    class Updater(ContainerUpdater):  # type: ignore[misc]
        def process_container(self, dbfile: str) -> None:
            seen, before = stamp(Path(dbfile)), self.no_changes
            if carried.get(dbfile) != seen:
                super().process_container(dbfile)
                if self.no_changes > before:
                    carried[dbfile] = seen

    carried: dict[str, tuple[int, ...]] = {}
    options = {
        "devices": data,
        "mount_check": "false",
        "swift_dir": etc,
        "recon_cache_path": etc,
        "log_level": "ERROR",
    }
    return Updater({name: str(value) for name, value in options.items()})


def carry_sizes(data: Path, etc: Path) -> None:
    """For ever: what the container-updater daemon does."""
    import eventlet

    daemon = updater(data, etc)
    while True:
        eventlet.sleep(UPDATE_SECONDS)
        for path in daemon.get_paths():
            daemon.container_sweep(path)


def end_with_stdin() -> None:
    """End the process when whoever started it is gone, however that came about."""
    from eventlet import hubs

    while True:
        hubs.trampoline(0, read=True)
        if not os.read(0, 4096):
            os._exit(0)


def run(options: argparse.Namespace) -> None:
    """
    Serve until killed.

    :raises Unusable: it cannot be.
    """
    started = time.perf_counter()
    data = options.data.absolute()
    lock = claim(data)
    etc = data / "etc"
    patch(etc, options.max_file_size, options.listing_limit)
    import eventlet

    if options.until_eof:
        eventlet.spawn(end_with_stdin)
    sockets = listen(options.port)
    make_rings(etc, sockets)
    proxy = conf.Proxy(
        users=options.user or [DEFAULT_USER],
        keystone=options.keystone,
        max_segments=options.max_segments,
        without=options.without,
        expose_info=not options.no_info,
    )
    servers = []
    for kind, socket in sockets.items():
        path = conf.write_server(etc, kind, socket.getsockname()[1], data, proxy)
        servers.append(serve(kind, path, socket))
    port = sockets["proxy"].getsockname()[1]
    ready = {
        "url": f"http://127.0.0.1:{port}/auth/v1.0",
        "pid": os.getpid(),
        "start_s": round(time.perf_counter() - started, 2),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    eventlet.spawn(carry_sizes, data, etc)
    for server in servers:
        server.wait()
    lock.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 ended as asked, 1 could not start."""
    options = arguments(argv)
    if options.until_eof:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for whoever started us
    try:
        run(options)
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
