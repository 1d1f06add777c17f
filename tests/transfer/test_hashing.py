"""MD5 beside the reactor: in order, whole, and not for what is too short to be worth it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.transfer.hashing import BATCH, INLINE, RunningDigest, digest
from tests.transfer.case import pattern


class Pool:
    """A thread pool that works when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []
        self.done = 0

    def __call__(self, function: Callable[..., Any], /, *args: Any) -> Deferred[Any]:
        result: Deferred[Any] = Deferred()
        self.jobs.append((result, function, args))
        return result

    def work(self) -> None:
        """Do the first job."""
        result, function, args = self.jobs.pop(0)
        self.done += 1
        maybeDeferred(function, *args).chainDeferred(result)


class RunningDigestTests(SynchronousTestCase):
    """`RunningDigest`."""

    def setUp(self) -> None:
        self.pool = Pool()
        self.running = RunningDigest(self.pool)

    def finish(self, running: RunningDigest) -> str:
        """The digest, with the pool at work."""
        result = Deferred.fromCoroutine(running.finish())
        while self.pool.jobs:
            self.pool.work()
        return self.successResultOf(result)

    def test_any_blocks(self) -> None:
        """Fed in blocks of any sort and size, the digest is that of all bytes."""
        data = pattern(2 * BATCH + 12345)
        for size in (100_000, 700_000, BATCH, 3 * BATCH):
            running = RunningDigest(self.pool)
            for at in range(0, len(data), size):
                running.feed(memoryview(data)[at : at + size])
            self.assertEqual(running.length, len(data))
            self.assertEqual(self.finish(running), hashlib.md5(data).hexdigest())

    def test_jobs_have_a_size(self) -> None:
        """However much waits, and however often the same block, a job is a batch: it may be joined in memory."""
        block = bytes(INLINE)
        for _ in range(10 * BATCH // INLINE):
            self.running.feed(block)
        self.pool.work()
        self.assertEqual(sum(len(one) for one in self.pool.jobs[0][2][1]), BATCH)
        self.assertEqual(self.finish(self.running), hashlib.md5(bytes(10 * BATCH)).hexdigest())

    def test_short_ones_need_no_thread(self) -> None:
        """What is hashed in a moment is hashed at once."""
        self.running.feed(b"x" * INLINE)
        result = Deferred.fromCoroutine(self.running.finish())
        self.assertEqual(self.successResultOf(result), hashlib.md5(b"x" * INLINE).hexdigest())
        self.assertEqual(self.pool.jobs, [])

    def test_one_job_at_a_time(self) -> None:
        """Batches of one file never run beside each other: their order is the file's."""
        data = pattern(BATCH)
        for _ in range(3):
            self.running.feed(data)
        self.assertEqual(len(self.pool.jobs), 1)
        self.assertEqual(self.finish(self.running), hashlib.md5(data * 3).hexdigest())

    def test_hashes_while_bytes_arrive(self) -> None:
        """When the last byte comes nearly all is hashed already."""
        data = pattern(BATCH)
        for _ in range(4):
            self.running.feed(data)
            while self.pool.jobs:
                self.pool.work()
        self.assertEqual(self.pool.done, 4)
        self.assertEqual(self.finish(self.running), hashlib.md5(data * 4).hexdigest())
        self.assertEqual(self.pool.done, 4)

    def test_a_pool_that_is_gone(self) -> None:
        """A pool that takes no job makes an error, not a wrong digest."""
        self.running.feed(pattern(BATCH))
        result = Deferred.fromCoroutine(self.running.finish())
        self.pool.jobs[0][0].errback(RuntimeError("pool is stopped"))
        self.failureResultOf(result, RuntimeError)

    def test_of_blocks(self) -> None:
        """`digest` is the same at once."""
        result = Deferred.fromCoroutine(digest(maybeDeferred, [b"a", b"bc"]))
        self.assertEqual(self.successResultOf(result), hashlib.md5(b"abc").hexdigest())
