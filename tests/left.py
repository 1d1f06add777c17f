"""What outlives its connection: bytes that a thousand clients leave behind are a thousand times what one does."""

from __future__ import annotations

import gc
from collections.abc import Callable


def left(work: Callable[[], None]) -> set[str]:
    """
    The classes of ours that *work* leaves objects of, where nobody collects cycles.

    Python frees what nobody refers to at once, but what refers to itself only when its collector comes by, which it
    does the less the more a process holds.
    """
    gc.collect()
    gc.freeze()  # what is there already is not looked at
    gc.disable()
    try:
        work()
        kinds = {type(thing) for thing in gc.get_objects()}
        return {kind.__qualname__ for kind in kinds if kind.__module__.startswith("swftp.")}
    finally:
        gc.enable()
        gc.unfreeze()
