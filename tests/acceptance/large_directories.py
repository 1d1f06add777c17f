"""
A directory of 50,000 files, renamed and listed, and one of 1,000,000 that is read to its end, through a gateway and
in the metadata alone.

Bars: renamed in 20 ms, the first entry of a listing in 100 ms, and with 1,000,000 rows no more than 128 MiB of
memory beyond what the process had: 200,000 names of half a kilobyte are kept.  The rows are put into SQLite itself.
"""

import contextlib
import ftplib
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable

import paramiko

from tests.acceptance import rig
from tests.functional import clients
from tests.functional.zerostor import PASSWORD, USER, Place, Server

MIB = 1 << 20
RENAMED, FIRST, MEMORY = 20.0, 100.0, 128.0
"""Milliseconds, milliseconds, MiB."""
TIMES = 5
BATCH = 50_000


def fill(place: Place, name: str, count: int) -> None:
    """A directory of *count* empty files."""
    import sqlite3

    from swftp.storage.zerostor.meta import schema

    with sqlite3.connect(place.folder / "db", timeout=60) as base:
        [(account,)] = base.execute("SELECT id FROM account").fetchall()
        folder = uuid.uuid4().hex
        into = "INSERT INTO file (id, account_id, parent_id, name, kind, mtime_ns, size, content_id)"
        base.execute(f"{into} VALUES (?, ?, ?, ?, ?, 0, 0, NULL)", (folder, account, account, name, schema.DIRECTORY))
        for begin in range(0, count, BATCH):
            rows = [(uuid.uuid4().hex, number) for number in range(begin, min(count, begin + BATCH))]
            base.executemany(
                "INSERT INTO content (id, account_id, state, size, changed_at) VALUES (?, ?, ?, 0, 0)",
                [(one, account, schema.LIVE) for one, _ in rows],
            )
            base.executemany(
                f"{into} VALUES (?, ?, ?, ?, ?, 0, 0, ?)",
                [(one, account, folder, f"f{number:07}", schema.FILE, one) for one, number in rows],
            )
        base.execute("UPDATE account SET used_files = used_files + ?", (count,))


def took(call: Callable[[], object]) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1e3


def by_ftp(server: Server, path: str, *, whole: bool) -> float:
    """Milliseconds from MLSD to the first bytes, or to the last."""
    with contextlib.closing(ftplib.FTP()) as client:  # which says no QUIT: not all is read
        client.connect("127.0.0.1", server.ports["ftp"], timeout=300)
        client.login(USER, PASSWORD)
        begin = time.perf_counter()
        with client.transfercmd(f"MLSD {path}") as data:
            data.recv(1 << 20)
            while whole and data.recv(1 << 20):
                pass
            return (time.perf_counter() - begin) * 1e3


def by_sftp(sftp: clients.Login, path: str) -> float:
    """Milliseconds to the first names."""

    def listed() -> None:
        _, answer = sftp._request(paramiko.sftp.CMD_OPENDIR, path)
        handle = answer.get_binary()
        sftp._request(paramiko.sftp.CMD_READDIR, handle)
        sftp._request(paramiko.sftp.CMD_CLOSE, handle)

    return took(listed)


def through_gateway(place: Place, many: int, million: int, bars: rig.Bars) -> None:
    """As clients see it."""
    server = Server(place)
    sftp = clients.Login(server.ports["sftp"], USER, PASSWORD)
    sftp.mkdir("/empty")
    for name, what in (("empty", "an empty directory"), ("many", f"{many} files")):
        renames = [took(lambda pair=pair: sftp.posix_rename(*pair)) for pair in TIMES * there_and_back(name)]
        tell(bars, f"gateway: {what} renamed", renames, RENAMED)
    first = {
        "SFTP": [by_sftp(sftp, "/many") for _ in range(TIMES)],
        "FTP": [by_ftp(server, "/many", whole=False) for _ in range(TIMES)],
    }
    for client, figures in first.items():
        tell(bars, f"gateway: first of {many} files by {client}", figures, FIRST)
    if million:
        before = server.child.memory()
        server.child.forget_peak()
        seconds = by_ftp(server, "/million", whole=True) / 1e3
        grown = (server.child.memory("VmHWM") - before) / MIB
        print(f"      gateway: {million} names by FTP in {seconds:.1f} s")
        bars.at_most(f"gateway: memory for {million} names", grown, MEMORY, "MiB")
    sftp.close()
    server.child.kill()


def there_and_back(name: str) -> list[tuple[str, str]]:
    """Renames that leave all as it was."""
    return [(f"/{name}", "/other"), ("/other", f"/{name}")]


def tell(bars: rig.Bars, what: str, figures: list[float], limit: float) -> None:
    """The median is judged, the worst is told."""
    bars.at_most(f"{what}, median (worst {max(figures):.1f})", statistics.median(figures), limit, "ms")


async def metadata_alone(reactor: object, url: str, million: int) -> None:
    """Print name=value for renames, first pages and growth in MiB."""
    from swftp.storage.zerostor.meta import MetadataOptions, open_metadata

    metadata = open_metadata(url, reactor, reactor, MetadataOptions())  # type: ignore[arg-type]
    await metadata.start()
    [account] = await metadata.users.accounts()
    names = metadata.namespace(account.id)
    source, target = "many", "other"
    for _ in range(TIMES):
        begin = time.perf_counter()
        await names.rename([source], [target])
        print(f"renamed={(time.perf_counter() - begin) * 1e3}")
        source, target = target, source
        begin = time.perf_counter()
        await names.children([source])
        print(f"first={(time.perf_counter() - begin) * 1e3}")
    if million:
        before, after, more = peak(), None, True
        while more:
            page = await names.children(["million"], after)
            after, more = page.nodes[-1].name, page.more
        print(f"grown={peak() - before}")
    await metadata.stop()


def peak() -> float:
    """Highest memory of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(url: str, million: int) -> None:
    """The metadata in a process of their own."""
    from twisted.internet.defer import ensureDeferred
    from twisted.internet.task import react

    react(lambda reactor: ensureDeferred(metadata_alone(reactor, url, million)))


def main() -> None:
    given = rig.options(__doc__, many=50_000, million=1_000_000)
    place, bars = Place(), rig.Bars()
    fill(place, "many", given.many)
    if given.million:
        fill(place, "million", given.million)
    url = str(place.options["database"])
    argv = [sys.executable, "-m", __spec__.name, "child", url, str(given.million)]
    figures: dict[str, list[float]] = {}
    for line in subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines():
        name, _, value = line.partition("=")
        figures.setdefault(name, []).append(float(value))
    tell(bars, f"metadata: {given.many} files renamed", figures["renamed"], RENAMED)
    tell(bars, f"metadata: first of {given.many} files", figures["first"], FIRST)
    if given.million:
        bars.at_most(f"metadata: memory for {given.million} rows", figures["grown"][0], MEMORY, "MiB")
    if TIMES % 2:  # it has the other name now
        place.query("UPDATE file SET name = 'many' WHERE name = 'other'")
    through_gateway(place, given.many, given.million, bars)
    bars.finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        main()
