"""
LIST and MLSD of 10,000 names against Swift's own JSON, and of 100,000 in bounded memory.

Bars: <= 2 times Swift's own listing; of 100,000 names RSS <= +32 MiB, and every name once.
"""

import time

from tests.acceptance import rig
from tests.acceptance.ftp_rig import FtpHouse
from tests.functional.ftp import Talk, receive

MIB = 1 << 20


def long_listing(house: FtpHouse, count: int, bars: rig.Bars) -> None:
    """NLST of *count* names."""
    container = house.store.new_container()
    house.store.fill(container, (f"name-{number:07d}" for number in range(count)))
    talk = Talk(house.gateway.port)
    talk.login()
    wire = talk.passive()
    before = house.gateway.child.memory()
    house.gateway.child.forget_peak()
    start = time.monotonic()
    talk.send(f"LIST /{container}")
    names = receive(wire).count(b"\n")
    print(f"      {count} names in {time.monotonic() - start:.2f} s")
    bars.at_most(f"{count} names, memory", (house.gateway.child.memory("VmHWM") - before) / MIB, 32, "MiB")
    bars.at_least(f"{count} names, all there", names, count)
    talk.close()


def main() -> None:
    given = rig.options(__doc__, rounds=3, count=100_000)
    house, bars = FtpHouse(), rig.Bars()
    container = house.store.new_container("tenk")
    house.store.fill(container, (f"file-{number:05d}.dat" for number in range(10_000)))
    figures = house.compare((rig.OURS, rig.SWIFT), "ls", given.rounds, ls_dir="/" + container)
    swift = rig.median(figures, rig.SWIFT, "ls")
    for test, what in (("ls", "curl, login included"), ("list", "LIST"), ("mlsd", "MLSD")):
        ours = rig.median(figures, rig.OURS, test)
        print(f"      10,000 names by {what}: {ours:.2f} s; Swift {swift:.2f} s")
        bars.at_most(f"10,000 names by {what} to Swift's listing", ours / swift, 2.0)
    long_listing(house, given.count, bars)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
