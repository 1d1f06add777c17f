"""Rules of `swftp.storage.zerostor.shards.zdb`: one for each thing that 0-db does unlike Redis."""

from __future__ import annotations

from swftp.errors import Corrupt, InvalidRequest, NotFound, QuotaExceeded, TooLarge, Unavailable
from swftp.storage.zerostor.shards import VALUE_LIMIT, Health, Refused
from tests.storage.zerostor.shards.netcase import NetCase
from tests.zdbfake.server import Do, Fault

NIL = b"$-1\r\n"


class TrapTests(NetCase):
    """What looks like Redis and is not."""

    def verbs(self) -> list[bytes]:
        """Of all requests so far."""
        return [words[0] for words in self.server.seen]

    def test_set_answers_with_the_key(self) -> None:
        """SET does not say OK, but the key; anything else is no success."""
        self.ask(self.shard.put(b"key", b"value"))
        self.server.faults.append(Fault(b"SET", Do.SAY, reply=b"$5\r\nother\r\n"))
        self.fails(self.shard.put(b"key2", b"value"), Unavailable)

    def test_set_again_answers_nil(self) -> None:
        """Nil means that the bytes are there already: success, after a look."""
        self.ask(self.shard.put(b"key", b"value"))
        self.ask(self.shard.put(b"key", b"value"))
        self.assertEqual(self.verbs(), [b"SELECT", b"SET", b"SET", b"CHECK"])

    def test_nil_is_not_believed_of_damaged_bytes(self) -> None:
        """0-db compares with its memory: damaged bytes are replaced only after they were deleted."""
        self.ask(self.shard.put(b"key", b"value"))
        self.namespace.flip(b"key")
        self.ask(self.shard.put(b"key", b"value"))
        self.assertEqual(self.ask(self.shard.get(b"key")), b"value")

    def test_nil_is_not_believed_of_unreadable_bytes(self) -> None:
        """The same where the data file was cut."""
        self.ask(self.shard.put(b"key", b"value"))
        self.namespace.records[b"key"].readable = False
        self.ask(self.shard.put(b"key", b"value"))
        self.assertEqual(self.ask(self.shard.get(b"key")), b"value")

    def test_nil_is_not_believed_of_a_missing_key(self) -> None:
        """Who says "already there" and has nothing is not one who has stored it."""
        self.server.faults.append(Fault(b"SET", Do.SAY, reply=NIL))
        self.fails(self.shard.put(b"key", b"value"), Unavailable)

    def test_no_third_value(self) -> None:
        """No option is ever sent: it would be a timestamp, and a second key of DEL another."""
        self.ask(self.shard.put(b"key", b"value"))
        self.ask(self.shard.put(b"key", b"value"))
        self.ask(self.shard.delete(b"key"))
        counts = {words[0]: len(words) for words in self.server.seen}
        self.assertEqual((counts[b"SET"], counts[b"DEL"]), (3, 2))

    def test_whole_verbs(self) -> None:
        """Verbs match by their beginnings; ours are whole, so none is taken for another."""
        calls = (
            self.shard.put(b"key", b"value"),
            self.shard.get(b"key"),
            self.shard.check(b"key"),
            self.shard.delete(b"key"),
            self.shard.capacity(),
            self.shard.scan(None),
            self.shard.ping(),
        )
        for call in calls:
            self.ask(call)
        wanted = {b"SELECT", b"SET", b"GET", b"CHECK", b"DEL", b"NSINFO", b"SCANX", b"PING"}
        self.assertEqual(set(self.verbs()), wanted)

    def test_delete_of_a_missing_key_is_an_error_there(self) -> None:
        """And none here; other errors are."""
        self.assertIs(self.ask(self.shard.delete(b"key")), False)
        self.server.faults.append(Fault(b"DEL", Do.SAY, reply=b"-Cannot delete key\r\n"))
        self.fails(self.shard.delete(b"key"), Unavailable)

    def test_larger_than_it_takes(self) -> None:
        """A value over the limit is never sent: it would cost the connection."""
        self.ask(self.shard.put(b"key", b"value"))
        self.fails(self.shard.put(b"big", bytes(VALUE_LIMIT + 1)), TooLarge)
        self.assertEqual(self.ask(self.shard.get(b"key")), b"value")
        self.assertEqual(len(self.net.pumps), 1)

    def test_get_is_silent_of_damage(self) -> None:
        """GET gives other bytes without a word; CHECK knows."""
        self.ask(self.shard.put(b"key", b"value"))
        self.namespace.flip(b"key")
        self.assertNotEqual(self.ask(self.shard.get(b"key")), b"value")
        self.assertIs(self.ask(self.shard.check(b"key")), Health.DAMAGED)

    def test_unreadable(self) -> None:
        """A key whose bytes are lost is a damaged one, not a shard that is down."""
        self.ask(self.shard.put(b"key", b"value"))
        self.namespace.records[b"key"].readable = False
        self.fails(self.shard.get(b"key"), Corrupt)
        self.assertIs(self.ask(self.shard.check(b"key")), Health.DAMAGED)

    def test_scan_ends_with_an_error(self) -> None:
        """Pages follow each other by the cursor given, and "No more data" is the end."""
        keys = [b"%03d" % index for index in range(20)]
        for key in keys:
            self.ask(self.shard.put(key, key))
        found, cursor, pages = [], None, 0
        while True:
            page, cursor = self.ask(self.shard.scan(cursor))
            found += [held.key for held in page]
            pages += 1
            if cursor is None:
                break
        self.assertEqual((found, pages), (keys, 20 // self.server.page + 2))

    def test_scan_of_nothing(self) -> None:
        """An empty namespace has no first page."""
        self.assertEqual(self.ask(self.shard.scan(None)), ((), None))

    def test_scan_goes_on_where_keys_were_deleted(self) -> None:
        """A cursor stays good when what it stands on is deleted."""
        for index in range(20):
            self.ask(self.shard.put(b"%03d" % index, b""))
        page, cursor = self.ask(self.shard.scan(None))
        for held in page:
            self.ask(self.shard.delete(held.key))
        after, _ = self.ask(self.shard.scan(cursor))
        self.assertEqual(after[0].key, b"%03d" % self.server.page)

    def test_scan_with_a_foreign_cursor(self) -> None:
        """A cursor that the server refuses is an error, never an end."""
        self.fails(self.shard.scan(b"nonsense"), InvalidRequest)
        self.server.faults.append(Fault(b"SCANX", Do.SAY, reply=b"-Internal Error\r\n"))
        self.fails(self.shard.scan(None), Unavailable)

    def test_quota(self) -> None:
        """A used-up quota is no fault: there is no room, what is there stays, and deleting makes room."""
        self.namespace.maxsize = 1000
        self.ask(self.shard.put(b"a", bytes(900)))
        self.fails(self.shard.put(b"b", bytes(200)), QuotaExceeded)
        self.assertEqual(self.ask(self.shard.capacity()).free_bytes, 100)
        self.assertEqual(self.ask(self.shard.capacity()).total_bytes, 1000)
        self.assertEqual(len(self.ask(self.shard.get(b"a"))), 900)
        self.ask(self.shard.delete(b"a"))
        self.ask(self.shard.put(b"b", bytes(200)))

    def test_capacity_without_quota(self) -> None:
        """Without a quota, the disk counts."""
        self.ask(self.shard.put(b"a", bytes(900)))
        capacity = self.ask(self.shard.capacity())
        self.assertEqual(capacity.total_bytes - capacity.free_bytes, 900)

    def test_worm_lock_and_read_only(self) -> None:
        """A namespace that may not be written to says how; what it has can be read."""
        self.ask(self.shard.put(b"key", b"value"))
        self.namespace.locked = True
        self.fails(self.shard.put(b"other", b"value"), Unavailable)
        self.namespace.locked, self.namespace.worm = False, True
        self.fails(self.shard.put(b"key", b"changed"), Refused)
        self.fails(self.shard.delete(b"key"), Unavailable)
        self.namespace.public = True
        public = self.make_shard(password=None)
        self.assertEqual(self.ask(public.get(b"key")), b"value")
        self.assertIn("read-only", str(self.fails(public.put(b"other", b"value"), Refused)))

    def test_namespaces(self) -> None:
        """The namespace of the address is selected; others are not touched."""
        self.make_namespace("other")
        other = self.make_shard("other", None)
        self.ask(self.shard.put(b"key", b"value"))
        self.fails(other.get(b"key"), NotFound)
        self.ask(self.make_shard("", None).put(b"key", b"default"))
        self.assertEqual(self.server.namespaces["default"].records[b"key"].value, b"default")

    def test_wrong_password(self) -> None:
        """A wrong password, none, and a namespace that is not there are said, without the password."""
        for shard in (self.make_shard(password="wrong"), self.make_shard(password=None), self.make_shard("nowhere")):
            error = self.fails(shard.put(b"key", b"value"), Refused)
            self.assertNotIn("wrong", str(error))
            self.assertNotIn("secret", str(error))
        self.assertEqual(self.namespace.records, {})

    def test_sequential_mode(self) -> None:
        """A server that makes keys itself is refused: it would not take ours."""
        self.namespace.sequential = True
        self.fails(self.shard.put(b"key", b"value"), Refused)

    def test_index_lost(self) -> None:
        """A server that lost its index has nothing, and takes everything again."""
        self.ask(self.shard.put(b"key", b"value"))
        self.namespace.lose_index()
        self.fails(self.shard.get(b"key"), NotFound)
        self.assertIs(self.ask(self.shard.check(b"key")), Health.MISSING)
        self.assertEqual(self.ask(self.shard.scan(None)), ((), None))
        self.ask(self.shard.put(b"key", b"value"))
        self.assertEqual(self.ask(self.shard.get(b"key")), b"value")

    def test_answers_that_make_no_sense(self) -> None:
        """Whatever does not fit the question is a shard that cannot be used, never a result."""
        self.ask(self.shard.ping())
        odd = (
            b"+OK\r\n",
            b":7\r\n",
            b"*0\r\n",
            b"*2\r\n$1\r\nx\r\n:1\r\n",
            b"*2\r\n+x\r\n*1\r\n:1\r\n",
            b"$3\r\nfoo\r\n",
        )
        calls = {
            b"SET": lambda: self.shard.put(b"key", b"value"),
            b"CHECK": lambda: self.shard.check(b"key"),
            b"SCANX": lambda: self.shard.scan(None),
            b"NSINFO": self.shard.capacity,
            b"PING": self.shard.ping,
        }
        for verb, call in calls.items():
            for reply in odd:
                self.server.faults.append(Fault(verb, Do.SAY, reply=reply))
                self.fails(call(), Unavailable)
        for verb, call in ((b"GET", self.shard.get), (b"DEL", self.shard.delete)):
            for reply in (b":7\r\n", b"*0\r\n"):
                self.server.faults.append(Fault(verb, Do.SAY, reply=reply))
                self.fails(call(b"key"), Unavailable)
