"""
Open files whose bytes are metered: by the flow control they have anyway.

A reader has nothing to give while something is owed, a writer takes what it gets and lets its client wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from swftp.session.files import Reader, Writer
from swftp.transfer.meter import Meter


def meter_reader(reader: Reader, meter: Meter, ready: Callable[[], None]) -> None:
    """Let *reader* give no more than *meter* allows; *ready*: see `Session.open_reader`."""
    read, piece = reader.read, reader.piece
    waits = False

    def wake() -> None:
        nonlocal waits
        waits = False
        ready()

    def metered(offset: int, length: int) -> bytes | memoryview | None:
        nonlocal waits
        if meter.owes:
            if not waits:
                waits = True
                meter.wait(wake)
            return None
        data = read(offset, length)
        if data:
            meter.draw(len(data))
        return data

    reader.read = metered
    reader.piece = lambda offset: min(piece(offset), meter.chunk)


def meter_writer(writer: Writer, meter: Meter) -> None:
    """Let the client of *writer* send no faster than *meter* allows."""
    write = writer.write

    def metered(offset: int, parts: Sequence[bytes | memoryview], size: int) -> Deferred[None] | None:
        wait = write(offset, parts, size)
        meter.draw(size)
        if not meter.owes:
            return wait
        paid = meter.paid()
        return paid if wait is None else wait.addCallback(lambda _: paid)

    writer.write = metered
