"""STOR STOU APPE ABOR: what becomes of files, however it ends."""

from __future__ import annotations

from swftp.ftp.transfer import SETTLED, SETTLED_MOST
from tests.ftp.datacase import Wire
from tests.ftp.transfercase import MIB, NEW, OLD, TransferCase


class UploadTests(TransferCase):
    """STOR."""

    def test_stored(self) -> None:
        """A clean end of data makes the file, and 226 is said once the store has said so."""
        self.held["store"] = []
        made = self.begin("STOR /box/a")
        made.send(NEW)
        made.end()
        self.assertEqual(self.settle(self.client), [])
        self.assertUnchanged()
        self.release("store")
        self.assertEqual(self.settle(self.client), [226])
        self.assertEqual(self.storage["/box/a"], NEW)

    def test_connection_after_command(self) -> None:
        """The client may connect after its command."""
        self.assertEqual(self.client.codes("EPSV", "STOR /box/b"), [229, 150])
        made = self.port.connect()
        assert made is not None
        made.send(NEW)
        made.end()
        self.assertEqual(self.settle(self.client), [226])
        self.assertEqual(self.storage["/box/b"], NEW)

    def test_empty(self) -> None:
        """No bytes are a file."""
        self.begin("STOR /box/b").end()
        self.assertEqual(self.settle(self.client), [226])
        self.assertEqual(self.storage["/box/b"], b"")

    def test_reset(self) -> None:
        """A reset is no end of a file: 426, nothing changes."""
        made = self.begin("STOR /box/a")
        made.send(NEW)
        made.cut()
        self.assertEqual(self.settle(self.client), [426])
        self.assertUnchanged()

    def test_control_lost(self) -> None:
        """Nor is anything without a control connection."""
        made = self.begin("STOR /box/a")
        made.send(NEW)
        self.client.tcp.end()
        self.assertTrue(made.aborted)
        self.settle()
        self.assertUnchanged()

    def test_both_lost(self) -> None:
        """A client that is killed ends both connections in order: that of data first, as we may happen to see it."""
        made = self.begin("STOR /box/a")
        made.send(NEW)
        made.end()
        self.client.tcp.end()
        self.settle()
        self.assertUnchanged()

    def give_up(self, *before: str, data: bytes = NEW) -> None:
        """A client that does: it ends the data in order, and a moment later the control connection."""
        made = self.begin("STOR /box/a", *before)
        if data:
            made.send(data)
        made.end()
        self.clock.pump([0, 0, SETTLED / 2])
        self.client.tcp.end()
        self.settle()

    def test_given_up(self) -> None:
        """A client that gives up (``curl -m``) ends both connections in order, that of data first: no file."""
        self.give_up()
        self.assertUnchanged()

    def test_nothing_given_up(self) -> None:
        """Nor an empty one."""
        self.give_up(data=b"")
        self.assertUnchanged()

    def test_large_file_given_up(self) -> None:
        """Nor one that the store puts together."""
        self.give_up(data=bytes(40 * MIB))
        self.assertUnchanged()
        self.assertEqual(self.storage.staged, 0)

    def test_resume_given_up(self) -> None:
        """Nor what goes on in the middle of one."""
        self.give_up("REST 5")
        self.assertUnchanged()

    def test_given_up_late(self) -> None:
        """What took long waits longer, up to a limit: whoever is killed on a busy machine dies slowly."""
        for waited, published in ((SETTLED_MOST * 0.9, OLD), (SETTLED_MOST, NEW)):
            made = self.begin("STOR /box/a")
            self.clock.advance(5)
            made.send(NEW)
            made.end()
            self.clock.pump([0, waited, 0])
            self.client.tcp.end()
            self.settle()
            self.assertEqual(self.storage["/box/a"], published)
            self.client = self.log_in()

    def test_control_lost_while_storing(self) -> None:
        """What was complete while somebody was there is stored."""
        self.held["store"] = []
        made = self.begin("STOR /box/a")
        made.send(NEW)
        made.end()
        self.settle()
        self.client.tcp.end()
        self.release("store")
        self.settle()
        self.assertEqual(self.storage["/box/a"], NEW)

    def test_no_connection(self) -> None:
        """No data connection in time: 425, nothing changes."""
        self.client.codes("EPSV", "STOR /box/a")
        self.clock.advance(31)
        self.assertEqual(self.settle(self.client), [425])
        self.assertUnchanged()

    def test_not_prepared(self) -> None:
        """Without PASV, 425 is all there is to say."""
        self.assertEqual(self.client.codes("STOR /box/a"), [425])

    def test_refused(self) -> None:
        """What cannot be written says so before the data connection is used."""
        made = self.prepare(self.client)
        self.assertEqual(self.client.codes("STOR /box"), [550])
        self.assertTrue(made.aborted)

    def test_held_back(self) -> None:
        """Nothing is read from a client while the file is being opened."""
        self.held["stat"] = []
        made = self.prepare(self.client)
        self.client.type("STOR /box/new")
        self.assertFalse(made.reading)
        self.assertEqual(self.settle(self.client), [])
        self.release("stat")
        self.assertEqual(self.settle(self.client), [150])
        self.assertTrue(made.reading)

    def test_stalled(self) -> None:
        """A client that sends nothing for long is given up."""
        made = self.begin("STOR /box/a")
        made.send(NEW)
        self.clock.pump([15] * 3)
        self.assertFalse(made.aborted)
        self.clock.pump([15] * 2)
        self.assertTrue(made.aborted)
        self.assertEqual(self.settle(self.client), [426])
        self.assertUnchanged()

    def test_slow(self) -> None:
        """One that sends a little now and then is not."""
        made = self.begin("STOR /box/a")
        for _ in range(20):
            made.send(b"x")
            self.clock.pump([15] * 3)
        made.end()
        self.assertEqual(self.settle(self.client), [226])
        self.assertEqual(self.storage["/box/a"], b"x" * 20)

    def test_announced(self) -> None:
        """Fewer bytes than ALLO said are no whole file; more are nothing to complain of."""
        made = self.begin("STOR /box/a", "ALLO 100")
        made.send(b"n" * 99)
        made.end()
        self.assertEqual(self.settle(self.client), [426])
        self.assertUnchanged()
        made = self.begin("STOR /box/a", "ALLO 100")
        made.send(b"n" * 101)
        made.end()
        self.assertEqual(self.settle(self.client), [226])


class PlaceTests(TransferCase):
    """REST, APPE, STOU: where it goes."""

    def put(self, command: str, data: bytes, *before: str) -> list[int]:
        """The final replies to *command*."""
        made = self.begin(command, *before)
        made.send(data)
        made.end()
        return self.settle(self.client)

    def test_resumed(self) -> None:
        """REST at the end goes on; elsewhere it replaces what is there, and leaves what is behind."""
        self.assertEqual(self.put("STOR /box/a", b"!", "REST 12"), [226])
        self.assertEqual(self.storage["/box/a"], OLD + b"!")
        self.assertEqual(self.put("STOR /box/a", b"J", "REST 0", "REST 5"), [226])
        self.assertEqual(self.storage["/box/a"], b"helloJ world!")

    def test_beyond_the_end(self) -> None:
        """Nobody means a hole by REST: 554."""
        self.prepare(self.client)
        self.assertEqual(self.client.codes("REST 13", "STOR /box/a"), [350, 554])
        self.prepare(self.client)
        self.assertEqual(self.client.codes("REST 13", "RETR /box/a"), [350, 554])
        self.prepare(self.client)
        self.assertEqual(self.client.codes("REST 1", "STOR /box/new"), [350, 554])
        self.assertUnchanged()
        self.assertNotIn("/box/new", self.storage)

    def test_resumed_with_announcement(self) -> None:
        """ALLO may count the whole file, as lftp does, or what comes."""
        self.assertEqual(self.put("STOR /box/a", b"more", "ALLO 16", "REST 12"), [226])
        self.assertEqual(self.put("STOR /box/a", b"more", "ALLO 4", "REST 16"), [226])

    def test_lost_in_resume(self) -> None:
        """A resume that fails changes nothing."""
        made = self.begin("STOR /box/a", "REST 5")
        made.send(b"xxxxxxxxxxxx")
        made.cut()
        self.assertEqual(self.settle(self.client), [426])
        self.assertUnchanged()

    def test_appended(self) -> None:
        """APPE adds to a file, or makes one."""
        self.assertEqual(self.put("APPE /box/a", b"!"), [226])
        self.assertEqual(self.storage["/box/a"], OLD + b"!")
        self.assertEqual(self.put("APPE /box/new", b"new"), [226])
        self.assertEqual(self.storage["/box/new"], b"new")

    def test_unique(self) -> None:
        """STOU never replaces, and says the name, which begins as the client wants it."""
        self.client.codes("CWD /box")
        self.prepare(self.client)
        [(code, [text])] = self.client.ask("STOU a")
        self.assertEqual(code, 150)
        self.assertRegex(text, r"^FILE: a\.[0-9a-f]{8}$")
        self.client.codes("ABOR")
        made = self.begin("STOU")
        made.send(NEW)
        made.end()
        self.assertEqual(self.settle(self.client), [226])
        self.assertUnchanged()

    def test_unique_at_once(self) -> None:
        """Two clients that send in the same second have two files: nobody sees the other's before it is stored."""
        names = set()
        for command in ("STOU", "STOU b"):
            sending = []
            for client in (self.client, self.log_in()):
                client.codes("CWD /box")
                made = self.prepare(client)
                [(code, [text])] = client.ask(command)
                self.assertEqual(code, 150)
                names.add(text.removeprefix("FILE: "))
                sending.append((client, made))
            for client, made in sending:
                made.send(NEW)
                made.end()
                self.assertEqual(self.settle(client), [226])
        self.assertEqual(len(names), 4)
        self.assertEqual([self.storage[f"/box/{name}"] for name in names], [NEW] * 4)


class AbortTests(TransferCase):
    """ABOR: 426 for the transfer, then 226; nothing changes."""

    def test_while_opening(self) -> None:
        """Before the file is open."""
        self.held["stat"] = []
        made = self.prepare(self.client)
        self.client.type("STOR /box/new")
        self.assertEqual(self.client.codes("ABOR"), [])
        self.release("stat")
        self.assertEqual(self.settle(self.client), [426, 226])
        self.assertTrue(made.aborted)

    def test_while_connecting(self) -> None:
        """Before the data connection is there."""
        self.client.codes("EPSV", "STOR /box/a")
        self.assertEqual(self.client.codes("ABOR"), [426, 226])
        self.assertTrue(self.port.stopped)

    def test_while_moving(self) -> None:
        """While bytes come."""
        made = self.begin("STOR /box/a")
        made.send(NEW)
        self.assertEqual(self.client.codes("ABOR"), [426, 226])
        self.assertTrue(made.aborted)
        self.settle()
        self.assertUnchanged()

    def test_at_the_end(self) -> None:
        """In the moment after the last byte."""
        made = self.begin("STOR /box/a")
        made.send(NEW)
        made.end()
        self.clock.advance(SETTLED / 2)
        self.assertEqual(self.client.codes("ABOR"), [426, 226])
        self.assertUnchanged()

    def test_while_storing(self) -> None:
        """What is being stored is stored: both say 226."""
        self.held["store"] = []
        made = self.begin("STOR /box/a")
        made.send(NEW)
        made.end()
        self.settle()
        self.assertEqual(self.client.codes("ABOR"), [])
        self.release("store")
        self.assertEqual(self.settle(self.client), [226, 226])
        self.assertEqual(self.storage["/box/a"], NEW)

    def resume(self) -> Wire:
        """A download that waits for its first bytes."""
        self.held["fetch"] = []
        made = self.prepare(self.client)
        self.assertEqual(self.client.codes("REST 7"), [350])
        self.client.type("RETR /box/a")
        self.assertEqual(self.settle(self.client), [])
        return made

    def test_while_reading(self) -> None:
        """While a download waits for its first bytes: it is not even announced."""
        made = self.resume()
        self.assertEqual(self.client.codes("ABOR"), [426, 226])
        self.assertTrue(made.aborted)
        self.assertEqual(made.value(), b"")

    def test_left_while_reading(self) -> None:
        """So it is if the client leaves."""
        made = self.resume()
        self.client.tcp.end()
        self.settle()
        self.assertTrue(made.aborted)

    def test_not_aborted_while_reading(self) -> None:
        """Who waits for the bytes gets them."""
        made = self.resume()
        self.release("fetch")
        self.assertEqual(self.settle(self.client), [150, 226])
        self.assertEqual(made.value(), OLD[7:])

    def test_download(self) -> None:
        """A download that is cut ends with a reset: what came is no whole file."""
        self.storage["/box/big"] = bytes(4 * MIB)
        made = self.prepare(self.client)
        made.full = True
        self.assertEqual(self.client.codes("RETR /box/big"), [150])
        self.assertEqual(self.client.codes("ABOR"), [426, 226])
        self.assertTrue(made.aborted)

    def test_nothing(self) -> None:
        """Without a transfer it is 225, and the next one works."""
        self.assertEqual(self.client.codes("ABOR"), [225])
        made = self.prepare(self.client)
        self.assertEqual(self.client.codes("RETR /box/a"), [150, 226])
        self.assertEqual(made.value(), OLD)
