"""
SIGTERM while 100 uploads of both protocols are under way, each at a pace of its own (bar A9).

Bars: all of those that are shorter than ``drain_timeout`` are stored; it ends <= 5 s after that, with status 0;
nothing is there by half, nor is a segment of what was given up.
"""

import ftplib
import logging
import signal
import threading
import time
from collections.abc import Callable

from tests.acceptance import rig
from tests.functional.both import BothGateway
from tests.functional.case import MIB, content
from tests.functional.clients import Flag, Packet, Speaker
from tests.functional.processes import eventually
from tests.functional.swift import PASSWORD, USER

WRITE = Flag.WRITE | Flag.CREATE | Flag.TRUNCATE
PIECES = 32
MARGIN = 4.0
"""Seconds around ``drain_timeout`` in which nothing is planned to end."""
DATA = content(2 * MIB)


def paced(send: Callable[[bytes, int], object], seconds: float) -> None:
    """Send `DATA` evenly over *seconds*."""
    begun, size = time.monotonic(), len(DATA) // PIECES
    for number in range(PIECES):
        time.sleep(max(0.0, begun + seconds * number / PIECES - time.monotonic()))
        send(DATA[number * size : (number + 1) * size], number * size)


def by_sftp(gateway: BothGateway, name: str, ready: threading.Barrier, seconds: float) -> None:
    """One upload."""
    speaker = Speaker(gateway.port)
    speaker.channel.settimeout(60)
    handle = speaker.open(f"/{rig.CONTAINER}/{name}", WRITE)
    ready.wait()

    def send(data: bytes, offset: int) -> None:
        speaker.write(handle, offset, data)
        speaker.expect_ok()

    paced(send, seconds)
    speaker.ask(Packet.CLOSE, handle)


def by_ftp(gateway: BothGateway, name: str, ready: threading.Barrier, seconds: float) -> None:
    """One upload."""
    client = ftplib.FTP()
    client.connect("127.0.0.1", gateway.ftp_port, 60)
    client.login(USER, PASSWORD)
    client.voidcmd("TYPE I")
    wire = client.transfercmd(f"STOR /{rig.CONTAINER}/{name}")
    ready.wait()
    paced(lambda data, offset: wire.sendall(data), seconds)
    wire.close()
    client.voidresp()


def main() -> None:
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it tells of each connection that ends
    given = rig.options(__doc__, transfers=100, drain=15.0)
    house, bars = rig.House(), rig.Bars()
    house.gateway.stop()
    many = {"sessions_per_user": 0, "ftp.sessions_per_user": 0}
    limits = {"limits.startups_start": 500, "limits.startups_full": 1000, "transfer.segment_size": MIB}
    drain = {"drain_timeout": given.drain, "ftp.drain_timeout": given.drain}
    gateway = BothGateway(house.swift.url, {**many, **limits, **drain})
    ready, told = threading.Barrier(given.transfers + 1), set[str]()
    short, long = (1.0, given.drain - MARGIN), (given.drain + MARGIN, 2 * given.drain)
    plans: dict[str, tuple[bool, float]] = {}
    for number in range(given.transfers):
        low, high = long if number % 4 == 3 else short
        plans[f"f{number}"] = number % 4 != 3, low + (high - low) * number / given.transfers

    def transfer(number: int, name: str) -> None:
        try:
            (by_ftp if number % 2 else by_sftp)(gateway, name, ready, plans[name][1])
            told.add(name)
        except (OSError, EOFError, ftplib.Error, AssertionError):
            pass  # what was given up; what should not have been is missing

    threads = [threading.Thread(target=transfer, args=item, daemon=True) for item in enumerate(plans)]
    for thread in threads:
        thread.start()
    ready.wait(300)
    begun = time.monotonic()
    gateway.child.popen.send_signal(signal.SIGTERM)
    eventually(lambda: not gateway.child.alive, given.drain + 60, 0.05)
    seconds = time.monotonic() - begun
    for thread in threads:
        thread.join(60)
    stored = {name: house.store.get(rig.CONTAINER, name) for name in plans}
    whole = {name for name, found in stored.items() if found == DATA}
    wanted = {name for name, (ends, _) in plans.items() if ends}
    print(f"      {len(wanted)} of {given.transfers} uploads were to end in time; {len(whole)} are stored")
    bars.at_least("of those that were to end in time are stored", len(wanted & whole) / len(wanted) * 100, 100, "%")
    bars.at_most("seconds until it ended", seconds, given.drain + 5, "s")
    bars.at_most("its status", gateway.child.popen.returncode or 0, 0)
    bars.at_most("partial objects", sum(found not in (None, DATA) for found in stored.values()), 0)
    bars.at_most("told to be stored, and are not", len(told - whole), 0)
    left = {name for name in plans if name not in whole}
    segments = [name for _, name in house.store.segments(rig.CONTAINER) if name.split("/")[0] in left]
    bars.at_most("segments of what was given up", len(segments), 0)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
