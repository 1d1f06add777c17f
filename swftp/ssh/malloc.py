"""
glibc's allocator, told to keep the buffers of transfers, and to give back what many sessions have left.

By default every buffer above 128 KiB is mapped, faulted in page by page and unmapped again, which costs up to as much
CPU as the encryption of what is in it.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def keep_buffers() -> bool:
    """Once, at start, for the whole process; returns whether it took effect (not on musl, macOS...)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    wanted = ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, 1 << 28), (_TOP_PAD, 16 << 20))
    done = [mallopt(option, value) for option, value in wanted]  # each of them, whatever the others say
    return all(done)


def give_back() -> None:
    """
    Let the system have the pages that nothing is in, which takes some milliseconds.

    `keep_buffers` has it done never by itself; what a thousand sessions of OpenSSL leave are 30 MiB of it.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
