"""Who wants to know how a store does, and notes it."""

from __future__ import annotations

from collections import Counter


class Watch:
    """
    A `StoreWatch`.

    :ivar waiting: requests without an answer.
    :ivar again: statuses of requests that were sent again.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self.again: list[int] = []
        self._answers: Counter[tuple[str, int]] = Counter()

    def told(self) -> dict[tuple[str, int], int]:
        """How often which method had which status, since it was asked for last."""
        told, self._answers = dict(self._answers), Counter()
        return told

    def asked(self) -> None:
        """See `StoreWatch`."""
        self.waiting += 1

    def answered(self, method: str, status: int, seconds: float) -> None:
        """See `StoreWatch`."""
        self.waiting -= 1
        self._answers[method, status] += 1

    def retried(self, status: int) -> None:
        """See `StoreWatch`."""
        self.again.append(status)
