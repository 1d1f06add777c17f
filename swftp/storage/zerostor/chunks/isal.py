"""
ISA-L, which computes the code, asked without liberasurecode between: it reads an object where it lies.

liberasurecode copies an object into fragments, pyeclib those out of it, and both hold the interpreter lock: that is
four times what the code itself costs.  The law: what this gives is compared with theirs before it is used; see
`erasure`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache

NAMES = ("libisal.so.2", "libisal-pyeclib.so.2")
"""Of a distribution, and of the wheels of pyeclib: whichever liberasurecode has loaded, or neither."""
TABLE = 32
"""Bytes of its tables for each coefficient."""

Parity = Callable[[bytearray, int], list[bytearray]]
"""From data, and the bytes of each of its k parts, the m others."""


@lru_cache(64)
def coder(k: int, m: int) -> Parity | None:
    """What computes the parities that liberasurecode's ``isa_l_rs_cauchy`` has; None: ISA-L is not to be found."""
    library = _library()
    if library is None:
        return None
    encode = library.ec_encode_data
    matrix, tables = (ctypes.c_ubyte * ((k + m) * k))(), (ctypes.c_ubyte * (TABLE * k * m))()
    library.gf_gen_cauchy1_matrix(matrix, k + m, k)
    library.ec_init_tables(k, m, ctypes.byref(matrix, k * k), tables)

    def parity(data: bytearray, length: int) -> list[bytearray]:
        made = [bytearray(length) for _ in range(m)]
        sources = [ctypes.c_ubyte.from_buffer(data, number * length) for number in range(k)]
        targets = [ctypes.c_ubyte.from_buffer(one) for one in made]
        encode(length, k, m, tables, _addresses(sources), _addresses(targets))
        return made

    return parity


def _addresses(places: list[ctypes.c_ubyte]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(places))(*map(ctypes.addressof, places))


def _library() -> ctypes.CDLL | None:
    for name in NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
