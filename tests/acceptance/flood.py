"""
2,000 connections that never log in, held and made again, while a client that is logged in downloads (bar A19).

Bars: the download keeps >= 90 % of its rate; 10 s after the flood has ended a new client is let in.
"""

import ftplib
import selectors
import socket
import statistics
import subprocess
import sys
import time

from tests.acceptance import rig
from tests.acceptance.ftp_rig import FtpHouse
from tests.functional.swift import PASSWORD, USER

SIZE = 64 << 20


def hold(port: int, count: int) -> None:
    """Hold *count* connections, and make anew those that are closed, but for ever."""
    selector = selectors.DefaultSelector()

    def dial() -> None:
        wire = socket.socket()
        wire.setblocking(False)
        wire.connect_ex(("127.0.0.1", port))
        selector.register(wire, selectors.EVENT_READ)

    for number in range(count):
        dial()
        if number % 50 == 0:
            time.sleep(0.01)
    while True:
        ended = 0
        for key, _ in selector.select(1):
            wire: socket.socket = key.fileobj  # type: ignore[assignment]
            try:
                closed = not wire.recv(4096)
            except OSError:
                closed = True
            if closed:
                selector.unregister(wire)
                wire.close()
                ended += 1
        time.sleep(0.5)
        for _ in range(ended):
            dial()


def rate(client: ftplib.FTP, rounds: int) -> float:
    """MB a second, the median of *rounds* downloads."""
    rates = []
    for _ in range(rounds):
        begun = time.perf_counter()
        client.retrbinary(f"RETR /{rig.CONTAINER}/f", lambda data: None, 1 << 18)
        rates.append(SIZE / 1e6 / (time.perf_counter() - begun))
    return statistics.median(rates)


def main() -> None:
    if sys.argv[1:2] == ["hold"]:
        hold(int(sys.argv[2]), int(sys.argv[3]))
    given = rig.options(__doc__, connections=2000, rounds=7)
    house, bars = FtpHouse({"limits.startups_start": 100, "limits.startups_full": 400}), rig.Bars()
    house.store.put(rig.CONTAINER, "f", bytes(SIZE))
    client = ftplib.FTP()
    client.connect("127.0.0.1", house.gateway.port, 60)
    client.login(USER, PASSWORD)
    client.voidcmd("TYPE I")
    rate(client, 2)
    before = rate(client, given.rounds)
    flood = subprocess.Popen([sys.executable, "-m", "tests.acceptance.flood", "hold", str(house.gateway.port),
                              str(given.connections)])  # fmt: skip
    time.sleep(4)
    during = rate(client, given.rounds)
    flood.kill()
    flood.wait()
    ended = time.monotonic()
    print(f"      download: {before:.0f} MB/s before, {during:.0f} MB/s with {given.connections} connections")
    bars.at_least("of the rate is left", during / before * 100, 90, "%")
    while True:
        try:
            other = ftplib.FTP()
            other.connect("127.0.0.1", house.gateway.port, 10)
            other.login(USER, PASSWORD)
            break
        except (ftplib.Error, EOFError, OSError):
            time.sleep(0.1)
    bars.at_most("let in again after", time.monotonic() - ended, 10, "s")
    house.gateway.stop()
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
