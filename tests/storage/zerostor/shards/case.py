"""What tests of shards have: coroutines started at once, and a case whose tests may be coroutines."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

T = TypeVar("T")


def soon(coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
    """Start *coroutine*."""
    return ensureDeferred(coroutine)


class ShardCase(TestCase):
    """A test may be a coroutine; none may take long."""

    timeout = 30.0

    def wall(self) -> float:
        """Seconds since 1970 on the shard's clock."""
        return time.time()
