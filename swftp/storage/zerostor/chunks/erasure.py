"""
Fragments of an object, by liberasurecode with the Cauchy matrices of ISA-L.

The law: only fragments whose digest was compared come here.  The library gives wrong bytes for damaged ones without
a word, and ends the process for what is not `bytes`.  It holds the interpreter lock: a fifth of a millisecond a MiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pyeclib.ec_iface import ECDriver, ECDriverError

from swftp.errors import Corrupt
from swftp.storage.zerostor.chunks.layout import Layout

BACKEND = "isa_l_rs_cauchy"
"""With ``isa_l_rs_vand`` some losses within m cannot be mended (intel/isa-l#10)."""
HEADER = 80
"""Bytes that liberasurecode puts before each fragment; what follows in the first k of them is the object itself."""

Block = bytes | memoryview


@lru_cache(64)
def _driver(k: int, m: int) -> ECDriver:
    return ECDriver(ec_type=BACKEND, k=k, m=m)


def split(layout: Layout, whole: bytes) -> list[bytes]:
    """The fragments of *whole*, which has at least one byte."""
    if layout.k == 1:
        return [whole] * layout.total
    return _driver(layout.k, layout.m).encode(whole)


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
