"""
Files of 4 KiB to zerostor on SQLite and three directories of the disk: how many a second are stored, each durable
when it is acknowledged.

Bar: 150 a second, through SFTP by one client that stores one after the other, and at the driver by a few at once.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance import rig
from tests.functional import clients
from tests.functional.processes import scratch
from tests.functional.zerostor import PASSWORD, USER, Place, Server

SIZE = 4 << 10
AT_ONCE = 4
LEAST = 150.0


async def stored(reactor: object, config: str, count: int) -> None:
    """Print files a second, one at a time and `AT_ONCE` at once."""
    from twisted.internet.defer import ensureDeferred, gatherResults
    from twisted.internet.threads import deferToThread

    from swftp.config import load
    from swftp.entries import Attributes
    from swftp.paths import ROOT
    from swftp.storage.zerostor.driver import ZeroStorage
    from swftp.storage.zerostor.opening import Opened
    from swftp.stores.zerostor import settings_of
    from swftp.transfer.sources import MemorySource

    opened = Opened(settings_of(load(config)[0]), reactor, time.time, deferToThread)  # type: ignore[arg-type]
    await opened.start()
    [account] = await opened.metadata.users.accounts()
    storage = ZeroStorage(opened.store, account.id)
    for many in (1, AT_ONCE):
        numbers = iter(range(count))

        async def work(many: int = many, numbers: object = numbers) -> None:
            for number in numbers:  # type: ignore[attr-defined]
                source = MemorySource([os.urandom(SIZE)])
                await storage.store(ROOT.child(f"{many}-{number}"), source, Attributes())

        begin = time.perf_counter()
        await gatherResults([ensureDeferred(work()) for _ in range(many)])
        print(count / (time.perf_counter() - begin), flush=True)
    await opened.stop()


def child(config: str, count: int) -> None:
    """The driver, in a process of its own."""
    from twisted.internet.defer import ensureDeferred
    from twisted.internet.task import react

    react(lambda reactor: ensureDeferred(stored(reactor, config, count)))


def through_sftp(server: Server, count: int) -> tuple[float, float]:
    """Files a second, and CPU milliseconds of the gateway for each."""
    sftp = clients.Login(server.ports["sftp"], USER, PASSWORD)
    sftp.put_bytes("/first", os.urandom(SIZE))
    cpu, wall = server.child.cpu(), time.perf_counter()
    for number in range(count):
        sftp.put_bytes(f"/sftp-{number}", os.urandom(SIZE))
    wall, cpu = time.perf_counter() - wall, server.child.cpu() - cpu
    sftp.close()
    return count / wall, cpu * 1e3 / count


def fsyncs(folder: Path, count: int) -> float:
    """Files of 4 KiB that one process writes and syncs a second: what the disk gives."""
    begin = time.perf_counter()
    for number in range(count):
        with (folder / str(number)).open("wb") as file:
            file.write(bytes(SIZE))
            file.flush()
            os.fdatasync(file.fileno())
    return count / (time.perf_counter() - begin)


def main() -> None:
    given = rig.options(__doc__, count=500)
    disk, bars = Path(tempfile.mkdtemp(dir=scratch())), rig.Bars()
    shards = [f"file://{disk / str(number)}" for number in range(3)]
    place = Place(shards, database=f"sqlite:///{disk / 'db'}")
    print(f"      one fdatasync after the other: {fsyncs(Path(tempfile.mkdtemp(dir=disk)), 100):.0f} a second")
    argv = [sys.executable, "-m", __spec__.name, "child", str(place.config), str(given.count)]
    one, few = map(float, subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split())
    print(f"      at the driver, one at a time: {one:.0f} a second")
    bars.at_least(f"at the driver, {AT_ONCE} at once", few, LEAST, "a second")
    server = Server(place)
    rate, cpu = through_sftp(server, given.count)
    print(f"      through SFTP: {cpu:.1f} CPU ms of the gateway a file")
    bars.at_least("through SFTP, one client", rate, LEAST, "a second")
    server.child.kill()
    bars.finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        main()
