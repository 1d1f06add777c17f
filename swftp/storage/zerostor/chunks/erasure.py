"""
Fragments of an object, by liberasurecode with the Cauchy matrices of ISA-L.

The law: only fragments whose digest was compared come here.  The library gives wrong bytes for damaged ones without
a word, and ends the process for what is not `bytes`.  It holds the interpreter lock: half a millisecond a MiB.

Its fragments are those that it would make, but where ISA-L can be asked directly they are views of the object, and
nothing is copied: from the second object of a size on, since most files end with a chunk of a size of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import count

from pyeclib.ec_iface import ECDriver, ECDriverError

from swftp.errors import Corrupt
from swftp.storage.zerostor.chunks import isal
from swftp.storage.zerostor.chunks.layout import Layout

BACKEND = "isa_l_rs_cauchy"
"""With ``isa_l_rs_vand`` some losses within m cannot be mended (intel/isa-l#10)."""
HEADER = 80
"""Bytes that liberasurecode puts before each fragment; what follows in the first k of them is the object itself."""

PADDING = 64
"""Zeros behind an object that spare a copy: its k parts are of one length."""
PATTERN = bytes(range(251))

Block = bytes | memoryview
Parts = tuple[Block, ...]
"""Of a fragment: one after the other they are it."""


@lru_cache(64)
def _driver(k: int, m: int) -> ECDriver:
    return ECDriver(ec_type=BACKEND, k=k, m=m)


def split(layout: Layout, whole: Block | bytearray, size: int) -> list[Parts]:
    """
    The fragments of the *size* bytes, at least one, that *whole* begins with.

    :param whole: where it is a `bytearray`, `PADDING` zeros stand behind, and it must not change any more: fragments
        are views of it.
    """
    view = memoryview(whole)[:size]
    if layout.k == 1:
        return [(view,)] * layout.total
    driver = _driver(layout.k, layout.m)
    parity = isal.coder(layout.k, layout.m)  # which finds it only after that
    if parity is not None and isinstance(whole, bytearray) and next(_turns(layout, size)):
        known = _known(layout, size)
        if known:
            return list(zip(known, contents(layout, whole, size, parity), strict=True))
    return [(fragment,) for fragment in driver.encode(bytes(view))]


def contents(layout: Layout, whole: bytearray, size: int, parity: isal.Parity) -> list[memoryview]:
    """What stands behind the headers of the fragments, by *parity*."""
    length, data = -(-size // layout.k), memoryview(whole)
    parts = [data[number * length : (number + 1) * length] for number in range(layout.k)]
    return [*parts, *(memoryview(part) for part in parity(whole, length))]


def headers(layout: Layout, size: int, parity: isal.Parity) -> tuple[bytes, ...]:
    """
    What liberasurecode puts before the fragments of any object of *size* bytes.

    None where it does not agree with *parity* on what is to stand behind them.
    """
    whole = bytearray(size + PADDING)
    whole[:size] = (PATTERN * (size // len(PATTERN) + 1))[:size]
    fragments = _driver(layout.k, layout.m).encode(bytes(whole[:size]))
    ours = [bytes(part) for part in contents(layout, whole, size, parity)]  # views are compared byte by byte
    if [fragment[HEADER:] for fragment in fragments] != ours:
        return ()
    return tuple(fragment[:HEADER] for fragment in fragments)


@lru_cache(1024)
def _turns(layout: Layout, size: int) -> Iterator[int]:
    """How many objects there were of that size: to compare `headers` costs five times what the library takes."""
    return count()


@lru_cache(1024)
def _known(layout: Layout, size: int) -> tuple[bytes, ...]:
    parity = isal.coder(layout.k, layout.m)
    return () if parity is None else headers(layout, size, parity)


def join(layout: Layout, fragments: Mapping[int, Block], size: int) -> Block:
    """
    The object of *size* bytes that *fragments*, at least k of them, are of.

    :raises Corrupt: they are of no such object.
    """
    if layout.k == 1:
        return _exactly(next(iter(fragments.values())), size)
    if all(number in fragments for number in range(layout.k)):  # nothing to decode
        data = [memoryview(fragments[number])[HEADER:] for number in range(layout.k)]
        return _exactly(memoryview(b"".join(data))[:size], size)
    if len({len(block) for block in fragments.values()}) > 1:
        raise Corrupt("fragments of different objects")
    try:
        whole = _driver(layout.k, layout.m).decode([bytes(block) for block in fragments.values()])
    except ECDriverError as error:
        raise Corrupt("fragments that cannot be decoded") from error
    return _exactly(whole, size)


def _exactly(whole: Block, size: int) -> Block:
    if len(whole) != size:
        raise Corrupt("fragments of another length")
    return whole
