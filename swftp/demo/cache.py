"""What stands in for memcached in a Swift that is one process: TempAuth keeps its tokens there."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class LocalCache:
    """The part of ``swift.common.memcached.MemcacheRing`` that the middleware uses; its signatures are Swift's."""

    def __init__(self, now: Callable[[], float] = clock.time) -> None:
        self._now = now
        self._values: dict[str, tuple[Any, float]] = {}

    def get(self, key: str, raise_on_error: bool = False) -> Any:
        """The value of *key*; None where there is none or its time is over."""
        value, until = self._values.get(key, (None, 0.0))
        if until and until < self._now():
            del self._values[key]
            return None
        return value

    def set(
        self,
        key: str,
        value: Any,
        serialize: bool = True,
        time: float = 0,
        min_compress_len: int = 0,
        raise_on_error: bool = False,
    ) -> None:
        """Keep *value* for *time* seconds (0: always), as JSON would give it back."""
        if serialize:  # text may come as bytes (keystonemiddleware's does), and goes as text
            value = json.loads(json.dumps(value.decode() if isinstance(value, bytes) else value))
        self._values[key] = value, (self._now() + time if time else 0.0)

    def incr(self, key: str, delta: int = 1, time: float = 0) -> int:
        """Add *delta* to the number *key*, which begins at 0 and never falls below it."""
        value = max(0, int(self.get(key) or 0) + delta)
        self.set(key, value, time=time)
        return value

    def decr(self, key: str, delta: int = 1, time: float = 0) -> int:
        """The opposite of `incr`."""
        return self.incr(key, -delta, time)

    def delete(self, key: str, server_key: str | None = None) -> None:
        """Forget *key*."""
        self._values.pop(key, None)

    def set_multi(
        self,
        mapping: Mapping[str, Any],
        server_key: str,
        serialize: bool = True,
        time: float = 0,
        min_compress_len: int = 0,
    ) -> None:
        """`set` each of *mapping*."""
        for key, value in mapping.items():
            self.set(key, value, serialize, time)

    def get_multi(self, keys: Iterable[str], server_key: str) -> list[Any]:
        """`get` each of *keys*."""
        return [self.get(key) for key in keys]


def filter_factory(global_conf: Mapping[str, str], **conf: str) -> Callable[[Application], Application]:
    """The paste filter that gives every request one `LocalCache`."""
    cache = LocalCache()

    def with_cache(app: Application) -> Application:
        def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            environ["swift.cache"] = cache
            return app(environ, start_response)

        return call

    return with_cache
