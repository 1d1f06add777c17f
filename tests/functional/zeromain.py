"""
``swftp`` as its users start it, but for one thing: it can be killed at an exact moment.

``CRASH=allocate|put|commit:before|commit:after[:n]`` kills the process right before or after the n-th call of that.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from swftp import cli


def _crashing(place: str) -> None:
    from swftp.storage.zerostor.chunks import Chunks
    from swftp.storage.zerostor.meta import Namespace
    from swftp.storage.zerostor.meta.journal import Journal

    methods = {"allocate": (Journal, "allocate"), "put": (Chunks, "put"), "commit": (Namespace, "commit")}
    what, when, *number = place.split(":")
    owner, name = methods[what]
    whole = getattr(owner, name)
    left = int(number[0]) if number else 1

    async def killing(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        mine = left == 0
        if when == "before" and mine:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await whole(self, *args, **kwargs)
        if when == "after" and mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, killing)


if __name__ == "__main__":
    if os.environ.get("CRASH"):
        _crashing(os.environ["CRASH"])
    sys.exit(cli.main())
