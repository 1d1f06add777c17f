"""
Listings: `ls -l` of 10,000 names against Swift's own JSON, and 100,000 names in bounded memory.

Bars: first `ls -l` of 10,000 names <= 2 times Swift's; of 100,000 the first names within 1 s, RSS <= +32 MiB, and
every name once.
"""

import time

from tests.acceptance import rig
from tests.functional.clients import Packet, Refused, Speaker, string

MIB = 1 << 20


def long_listing(house: rig.House, count: int, bars: rig.Bars) -> None:
    """One READDIR loop over *count* names."""
    container = house.store.new_container()
    house.store.fill(container, (f"name-{number:07d}" for number in range(count)))
    speaker = Speaker(house.gateway.port)
    before = house.gateway.child.memory()
    house.gateway.child.forget_peak()
    start = time.monotonic()
    handle = speaker.ask(Packet.OPENDIR, string("/" + container))
    first, names = 0.0, 0
    while True:
        try:
            body = speaker.ask(Packet.READDIR, handle)
        except Refused as end:
            assert end.errno == 1, end
            break
        first = first or time.monotonic() - start
        names += int.from_bytes(body[:4], "big")
    print(f"      {count} names in {time.monotonic() - start:.2f} s")
    bars.at_most(f"{count} names, first ones", first, 1.0, "s")
    bars.at_most(f"{count} names, memory", (house.gateway.child.memory("VmHWM") - before) / MIB, 32, "MiB")
    bars.at_least(f"{count} names, all there", names, count)
    speaker.close()


def main() -> None:
    given = rig.options(__doc__, rounds=3, count=100_000)
    house, bars = rig.House(), rig.Bars()
    container = house.store.new_container("tenk")
    house.store.fill(container, (f"file-{number:05d}.dat" for number in range(10_000)))
    figures = house.compare((rig.OURS, rig.SWIFT), "ls", given.rounds, ls_dir="/" + container)
    ours, swift = (rig.median(figures, name, "ls") for name in (rig.OURS, rig.SWIFT))
    print(f"      ls -l of 10,000: {ours:.2f} s; Swift {swift:.2f} s")
    bars.at_least("entries of ls -l", min(f["entries"] for f in figures if f["test"] == "ls"), 10_000)
    bars.at_most("ls -l of 10,000 names to Swift's listing", ours / swift, 2.0)
    long_listing(house, given.count, bars)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
