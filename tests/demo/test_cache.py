"""Rules of `swftp.demo.cache`."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.demo.cache import LocalCache, filter_factory


class LocalCacheTests(SynchronousTestCase):
    """A memcached for one process."""

    def setUp(self) -> None:
        """A cache on a clock that stands still."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.cache = LocalCache(self.clock.seconds)

    def test_keeps(self) -> None:
        """What was set is there until it is deleted."""
        self.cache.set("k", {"a": 1})
        self.assertEqual(self.cache.get("k"), {"a": 1})
        self.cache.delete("k")
        self.assertIsNone(self.cache.get("k"))
        self.cache.delete("k")

    def test_forgets_in_time(self) -> None:
        """What was set for a time is gone after it."""
        self.cache.set("k", 1, time=10)
        self.clock.advance(9)
        self.assertEqual(self.cache.get("k"), 1)
        self.clock.advance(2)
        self.assertIsNone(self.cache.get("k"))

    def test_as_json_would(self) -> None:
        """What is serialised comes back as JSON gives it back, a copy: as from memcached."""
        value = {"groups": ("a", "b")}
        self.cache.set("k", value)
        self.assertEqual(self.cache.get("k"), {"groups": ["a", "b"]})

    def test_numbers(self) -> None:
        """Counters begin at 0 and never fall below it."""
        self.assertEqual(self.cache.incr("n"), 1)
        self.assertEqual(self.cache.incr("n", 4), 5)
        self.assertEqual(self.cache.decr("n", 9), 0)

    def test_many(self) -> None:
        """Several at once."""
        self.cache.set_multi({"a": 1, "b": 2}, "server")
        self.assertEqual(self.cache.get_multi(["b", "x", "a"], "server"), [2, None, 1])

    def test_filter(self) -> None:
        """Every request of one filter has the same cache."""
        seen = []
        app = filter_factory({})(lambda environ, start: seen.append(environ["swift.cache"]) or [])
        app({}, None)
        app({}, None)
        self.assertIs(seen[0], seen[1])
