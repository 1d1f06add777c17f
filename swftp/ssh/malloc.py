"""
glibc's allocator, told to keep the buffers of transfers.

By default every buffer above 128 KiB is mapped, faulted in page by page and unmapped again, which costs up to as much
CPU as the encryption of what is in it.
"""

from __future__ import annotations

import ctypes

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
