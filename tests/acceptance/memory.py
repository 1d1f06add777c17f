"""
Memory of the gateway's process at its worst moments.

Bars: 50 uploads of 100 MB against a store held to 1 MB/s each: RSS <= base + transfer_memory (256 MiB); 50 readers
that stop reading with 2,000 READs outstanding each: <= +64 MiB; 1,000 uploads at once that need four times the memory
there is: all arrive, within it; 10 GiB through one handle, up and down: flat
(<= +32 MiB over the first GiB).
"""

import threading
import time
from collections.abc import Callable, Iterable

from tests.acceptance import rig
from tests.functional.clients import Flag, Packet, Speaker
from tests.functional.faults import FaultProxy
from tests.functional.gateway import Gateway

MIB, MB = 1 << 20, 1_000_000
MANY = {"sessions_per_user": 0, "limits.startups_start": 2000, "limits.startups_full": 4000}
WRITE = Flag.WRITE | Flag.CREATE | Flag.TRUNCATE


def peak(gateway: Gateway, before: int) -> float:
    """MiB above *before* at the highest since `forget_peak`."""
    return (gateway.child.memory("VmHWM") - before) / MIB


def put(speaker: Speaker, name: str, size: int) -> None:
    """Upload *size* zeros with patience."""
    speaker.channel.settimeout(900)
    handle = speaker.open(f"/{rig.CONTAINER}/{name}", WRITE)
    for _ in speaker.write_all(handle, bytes(size)):
        pass
    speaker.ask(Packet.CLOSE, handle)


def together(work: Callable[[int], object], numbers: Iterable[int]) -> list[BaseException]:
    """Do *work* with all *numbers* at once, each in a thread of its own; what failed."""
    failures: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # a figure too
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def slow_store(house: rig.House, bars: rig.Bars, sessions: int, size: int) -> None:
    """Many uploads while the store takes 1 MB/s of each."""
    proxy = FaultProxy(house.swift.url)
    proxy.rate = 1.0 * MB
    gateway = Gateway(proxy.url, MANY)
    Speaker(gateway.port).close()
    before = gateway.child.memory()
    gateway.child.forget_peak()

    def upload(number: int) -> None:
        speaker = Speaker(gateway.port)
        put(speaker, f"slow-{number}", size)
        speaker.close()

    start = time.monotonic()
    failures = together(upload, range(sessions))
    print(f"      {sessions} slow uploads took {time.monotonic() - start:.0f} s")
    bars.at_most(f"{sessions} uploads against a slow store, errors", len(failures), 0)
    for failure in failures[:3]:
        print(f"      {failure!r}")
    bars.at_most(f"{sessions} uploads against a slow store, memory", peak(gateway, before), 256, "MiB")
    gateway.kill()
    proxy.close()


def many_uploads(house: rig.House, bars: rig.Bars, uploads: int, size: int) -> None:
    """Far more uploads at once than memory has room for; ten of them share a connection."""
    gateway = Gateway(house.swift.url, MANY)
    Speaker(gateway.port).close()
    before = gateway.child.memory()
    gateway.child.forget_peak()
    first = [Speaker(gateway.port) for _ in range((uploads + 9) // 10)]
    speakers = [other for speaker in first for other in (speaker, *(speaker.another() for _ in range(9)))][:uploads]
    print(f"      {uploads} sessions hold {peak(gateway, before):.0f} MiB")
    finished: list[float] = []
    start = time.monotonic()

    def upload(number: int) -> None:
        put(speakers[number], f"many-{number}", size)
        finished.append(time.monotonic() - start)

    failures = together(upload, range(len(speakers)))
    for speaker in first:
        speaker.close()
    seconds = finished[-1] if finished else 0.0
    print(f"      {len(finished)} uploads of {size / MIB:.3g} MiB in {seconds:.0f} s; the first after {finished[:1]}")
    for failure in failures[:3]:
        print(f"      {failure!r}")
    bars.at_most(f"{uploads} uploads at once, errors", len(failures), 0)
    bars.at_most(f"{uploads} uploads at once, memory", peak(gateway, before), 256, "MiB")
    gateway.kill()


def still_readers(house: rig.House, bars: rig.Bars, sessions: int) -> None:
    """Readers that ask for much and take nothing."""
    house.store.put(rig.CONTAINER, "read", bytes(64 * MIB))
    Speaker(house.gateway.port).close()
    before = house.gateway.child.memory()
    house.gateway.child.forget_peak()
    speakers = [Speaker(house.gateway.port) for _ in range(sessions)]
    for speaker in speakers:
        handle = speaker.open(f"/{rig.CONTAINER}/read", Flag.READ)
        for number in range(2000):
            speaker.read(handle, number * 32768 % (60 * MIB), 32768)
    time.sleep(5)
    bars.at_most(f"{sessions} readers that take nothing, memory", peak(house.gateway, before), 64, "MiB")
    for speaker in speakers:
        speaker.close()


def long_file(house: rig.House, bars: rig.Bars, gibibytes: int) -> None:
    """One handle, much data, both ways."""
    speaker = Speaker(house.gateway.port)
    piece, flying, step = bytes(32768), 0, 32768
    handle = speaker.open(f"/{rig.CONTAINER}/long", WRITE)
    for at in range(0, gibibytes << 30, step):
        speaker.write(handle, at, piece)
        flying += 1
        if flying == 64:
            speaker.expect_ok()
            flying -= 1
        if at == 1 << 30:
            before = house.gateway.child.memory()
            house.gateway.child.forget_peak()
    for _ in range(flying):
        speaker.expect_ok()
    speaker.ask(Packet.CLOSE, handle)
    bars.at_most(f"{gibibytes} GiB up, memory", peak(house.gateway, before), 32, "MiB")
    handle = speaker.open(f"/{rig.CONTAINER}/long", Flag.READ)
    asked = got = 0
    before = house.gateway.child.memory()
    house.gateway.child.forget_peak()
    while got < gibibytes << 30:
        while asked < gibibytes << 30 and asked - got < 64 * step:
            speaker.read(handle, asked, step)
            asked += step
        kind, _, body = speaker.receive()
        assert kind == Packet.DATA, body[:100]
        got += len(body) - 4
    bars.at_most(f"{gibibytes} GiB down, memory", peak(house.gateway, before), 32, "MiB")
    speaker.close()


def main() -> None:
    given = rig.options(__doc__, sessions=50, megabytes=100, uploads=1000, mebibytes=1.0, gibibytes=10)
    house, bars = rig.House(), rig.Bars()
    still_readers(house, bars, given.sessions)
    slow_store(house, bars, given.sessions, given.megabytes * MB)
    many_uploads(house, bars, given.uploads, int(given.mebibytes * MIB))
    house.gateway.stop()
    house.gateway.start()
    long_file(house, bars, given.gibibytes)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
