"""
A client that does nothing for 65 s in the middle of a download and of an upload, while Swift gives up after 60.

Bar: both files arrive whole.
"""

import time

from tests.acceptance import rig
from tests.functional.case import MIB, content
from tests.functional.clients import Flag, Packet, Speaker

WRITE = Flag.WRITE | Flag.CREATE | Flag.TRUNCATE


def main() -> None:
    given = rig.options(__doc__, pause=65.0, size=200 * MIB)
    house, bars = rig.House(), rig.Bars()
    data = content(given.size)
    house.store.put(rig.CONTAINER, "down", data)
    up, down = Speaker(house.gateway.port), Speaker(house.gateway.port)
    writer = up.open(f"/{rig.CONTAINER}/up", WRITE)
    reader = down.open(f"/{rig.CONTAINER}/down", Flag.READ)
    progress = up.write_all(writer, data)
    while next(progress) < given.size // 3:
        pass
    got = bytearray()
    while len(got) < given.size:
        down.read(reader, len(got), 32768)
        kind, _, body = down.receive()
        assert kind == Packet.DATA, body[:200]
        got += body[4:]
        if len(got) // 32768 == 300:
            time.sleep(given.pause)
    for _ in progress:
        pass
    up.ask(Packet.CLOSE, writer)
    bars.at_least("downloaded right after the pause", got == data, 1)
    bars.at_least("uploaded right after the pause", house.store.get(rig.CONTAINER, "up") == data, 1)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
