"""Downloads from a Swift that cuts, pauses, replaces and lies."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost

from swftp import errors
from swftp.paths import resolve
from tests.storage.bytes import Sink, fetched, md5
from tests.storage.swift.scripted import ScriptedCase
from tests.storage.swift.test_faults import FILE, HEAD


class FetchTests(ScriptedCase):
    """Downloads."""

    def test_whole(self) -> None:
        """One request, without Range."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"data")
        self.assertEqual(self.done(fetched(self.storage, FILE)), b"data")
        self.assertNotIn("range", self.swift.requests[0].headers)

    def test_at_the_end(self) -> None:
        """There nothing is to be had, of the object that is there; beyond it, or of another one, that is an error."""
        whole = {**HEAD, "Content-Length": "4"}
        self.swift.expect("GET /c/f", 416, headers={"Content-Range": "bytes */4"})
        self.swift.expect("HEAD /c/f", 200, headers=whole)
        sink = Sink()
        self.assertEqual(self.done(self.storage.fetch(FILE, sink, 4, version=md5(b"data"))).size, 4)
        self.assertEqual((sink.data, sink.finished), (b"", True))
        for offset, headers, kind in (
            (5, whole, errors.InvalidRequest),
            (4, {**whole, "Etag": md5(b"DATA")}, errors.Changed),
            (4, {**HEAD, "Content-Length": "0", "Content-Type": "application/directory"}, errors.IsDirectory),
        ):
            self.swift.expect("GET /c/f", 416, headers={"Content-Range": "bytes */4"})
            self.swift.expect("HEAD /c/f", 200, headers=headers)
            self.fails(kind, self.storage.fetch(FILE, Sink(), offset, version=md5(b"data")))

    def test_ranges(self) -> None:
        """The store is asked for no more than is wanted; what goes beyond the end ends with the file."""
        for offset, length, asked, span, data in (
            (2, None, "bytes=2-", "2-3", b"ta"),
            (0, 2, "bytes=0-1", "0-1", b"da"),
            (1, 2, "bytes=1-2", "1-2", b"at"),
            (2, 100, "bytes=2-101", "2-3", b"ta"),
        ):
            self.swift.expect("GET /c/f", 206, headers={**HEAD, "Content-Range": f"bytes {span}/4"}, body=data)
            self.assertEqual(self.done(fetched(self.storage, FILE, offset, length)), data)
            self.assertEqual(self.swift.requests[-1].headers["range"], asked)

    def test_nothing_asked_for(self) -> None:
        """No byte of an object is what it is, and costs a look."""
        self.swift.expect("HEAD /c/f", 200, headers={**HEAD, "Content-Length": "4"})
        self.assertEqual(self.done(self.storage.fetch(FILE, Sink(), 1, 0)).size, 4)

    def test_more_than_asked_for(self) -> None:
        """A body that is longer than its range gives what was asked for, and its connection is not used again."""
        ranged = {**HEAD, "Content-Range": "bytes 1-2/4"}
        self.swift.expect("GET /c/f", 206, headers=ranged, body=b"ata")
        self.assertEqual(self.done(fetched(self.storage, FILE, 1, 2)), b"at")
        self.turn()
        self.assertEqual(self.swift.wires, [])

    def test_error_page(self) -> None:
        """An error's body never becomes content."""
        for status, kind in (
            (403, errors.PermissionDenied),
            (412, errors.Changed),
            (302, errors.Unavailable),
            (204, errors.Unavailable),
        ):
            self.swift.expect("GET /c/f", status, body=b"<html>" if status != 204 else b"")
            sink = Sink()
            self.fails(kind, self.storage.fetch(FILE, sink))
            self.assertEqual((sink.data, sink.entry), (b"", None))
        self.swift.expect("GET /c/f", 403, body=b"<ht", length=99, cut=True)
        self.fails(errors.PermissionDenied, self.storage.fetch(FILE, Sink()))

    def test_cut(self) -> None:
        """A body cut short goes on by Range where it stopped."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4, cut=True)
        self.swift.expect("GET /c/f", 206, headers={**HEAD, "Content-Range": "bytes 2-3/4"}, body=b"ta")
        self.assertEqual(self.done(fetched(self.storage, FILE)), b"data")
        self.assertEqual(self.swift.requests[1].headers["range"], "bytes=2-3")

    def test_cut_and_replaced(self) -> None:
        """If it was replaced meanwhile, that is an error, not a splice."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4, cut=True)
        other = {**HEAD, "Etag": md5(b"DATA"), "Content-Range": "bytes 2-3/4"}
        self.swift.expect("GET /c/f", 206, headers=other, body=b"TA")
        sink = Sink()
        self.fails(errors.Changed, self.storage.fetch(FILE, sink))
        self.assertEqual((sink.data, sink.finished), (b"da", True))
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4, cut=True)
        self.swift.expect("GET /c/f", 416, headers={"Content-Range": "bytes */1"})
        self.fails(errors.Changed, self.storage.fetch(FILE, Sink()))

    def test_cut_for_ever(self) -> None:
        """A store that never gets further is given up."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4, cut=True)
        for _ in range(2):
            self.swift.expect("GET /c/f", 206, headers={**HEAD, "Content-Range": "bytes 2-3/4"}, length=2, cut=True)
        self.fails(errors.Unavailable, self.storage.fetch(FILE, Sink()))

    def test_wrong_range(self) -> None:
        """Another range than was asked for is an error: a shifted one, a whole object, another version."""
        for status, headers in (
            (206, {"Content-Range": "bytes 1-3/4"}),
            (206, {"Content-Range": "lines 2-3/4"}),
            (206, {"Content-Range": "bytes 2-3/*"}),
            (206, {}),
            (200, {}),
        ):
            self.swift.expect("GET /c/f", status, headers={**HEAD, **headers}, body=b"data")
            sink = Sink()
            self.fails(errors.Corrupt, self.storage.fetch(FILE, sink, 2))
            self.assertEqual(sink.data, b"")
        other = {**HEAD, "Etag": md5(b"other"), "Content-Range": "bytes 2-3/4"}
        self.swift.expect("GET /c/f", 206, headers=other, body=b"ta")
        self.fails(errors.Changed, self.storage.fetch(FILE, Sink(), 2, version=md5(b"data")))

    def test_busy(self) -> None:
        """A store that is busy is asked again."""
        self.swift.expect("GET /c/f", 503, body=b"<html>")
        self.swift.expect("GET /c/f", reset=True)
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"data")
        self.assertEqual(self.done(fetched(self.storage, FILE)), b"data")

    def test_no_version(self) -> None:
        """A store that tells no version cannot be asked for the rest of a file."""
        nameless = {"Content-Type": "text/plain"}
        self.swift.expect("GET /c/f", 200, headers=nameless, body=b"da", length=4, cut=True)
        self.swift.expect("GET /c/f", 206, headers={**nameless, "Content-Range": "bytes 2-3/4"}, body=b"TA")
        sink = Sink()
        self.fails(errors.Unavailable, self.storage.fetch(FILE, sink))
        self.assertEqual(sink.data, b"da")

    def test_stalled(self) -> None:
        """A body that stops coming is cut by us, and asked for again; a paused sink is not a stalled store."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4)
        self.swift.expect("GET /c/f", 206, headers={**HEAD, "Content-Range": "bytes 2-3/4"}, body=b"ta")
        sink = Sink()
        d = self.begin(self.storage.fetch(FILE, sink))
        sink.producer.pauseProducing()
        for _ in range(60):
            self.turn(10.0)
        self.assertEqual(len(self.swift.requests), 1)
        sink.producer.resumeProducing()
        self.assertTrue(60.0 <= self.passing(d) <= 100.0)
        self.successResultOf(d)
        self.assertEqual(sink.data, b"data")

    def test_slow(self) -> None:
        """A body, or a listing, of which a little comes now and then is waited for, however long it takes."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, length=10)
        sink = Sink()
        d = self.begin(self.storage.fetch(FILE, sink))
        self.trickle(b"0123456789")
        self.successResultOf(d)
        self.assertEqual(sink.data, b"0123456789")
        listing = b'[{"subdir": "a/"}]'
        self.swift.expect("GET /c?format=json&limit=1000&delimiter=/", 200, length=len(listing))
        d = self.begin(self.storage.list(resolve("/c")))
        self.trickle(listing)
        self.assertEqual([entry.name for entry in self.successResultOf(d).entries], ["a"])

    def trickle(self, body: bytes) -> None:
        """The store sends *body* to whoever asked last, a byte in half a minute."""
        for number in range(len(body)):
            self.turn(30.0)
            self.swift.wires[-1].feed(body[number : number + 1])
        self.turn()

    def test_pause(self) -> None:
        """A sink that pauses stops the connection, also one that begins only then; it goes on when the sink does."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"d", length=4)
        sink = Sink()
        d = self.begin(self.storage.fetch(FILE, sink))
        self.assertEqual(self.agents.downloads.count, 1)
        sink.producer.pauseProducing()
        self.swift.wires[0].feed(b"a")
        self.turn()
        self.assertEqual(sink.data, b"d")
        sink.producer.resumeProducing()
        self.swift.expect("GET /c/f", silent=True)
        self.swift.wires[0].end(ConnectionLost())
        self.turn()
        self.assertEqual((sink.data, self.agents.downloads.count), (b"da", 0))
        sink.producer.pauseProducing()
        self.answer_rest()
        self.turn()
        self.assertEqual(sink.data, b"da")
        sink.producer.resumeProducing()
        self.turn()
        self.successResultOf(d)
        self.assertEqual((sink.data, self.agents.downloads.count), (b"data", 0))

    def answer_rest(self) -> None:
        """The last two bytes, for a request that was not answered yet."""
        head = "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\nContent-Range: bytes 2-3/4\r\n"
        self.swift.wires[0].feed((head + "".join(f"{name}: {value}\r\n" for name, value in HEAD.items())).encode())
        self.swift.wires[0].feed(b"\r\n")
        self.swift.wires[0].feed(b"ta")

    def test_stop_while_asked(self) -> None:
        """A sink that stops before the store has answered gets nothing of the answer."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4, cut=True)
        self.swift.expect("GET /c/f", silent=True)
        sink = Sink()
        d = self.begin(self.storage.fetch(FILE, sink))
        sink.producer.stopProducing()
        self.answer_rest()
        self.turn()
        self.failureResultOf(d, errors.Interrupted)
        self.assertEqual((sink.data, sink.finished, self.swift.wires), (b"da", True, []))

    def test_stop_before_asked_again(self) -> None:
        """Nor is the store asked again for it."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4, cut=True)
        self.swift.expect("GET /c/f", reset=True)
        sink = Sink()
        d = self.begin(self.storage.fetch(FILE, sink))
        sink.producer.stopProducing()
        self.passing(d)
        self.failureResultOf(d, errors.Interrupted)
        self.check_script()

    def test_unknown_length(self) -> None:
        """A body without length (a long DLO) is whole when the store ends it well, and not when it is cut."""
        chunked = {**HEAD, "Transfer-Encoding": "chunked"}
        self.swift.expect("GET /c/f", 200, headers=chunked, body=b"4\r\ndata\r\n0\r\n\r\n")
        self.assertEqual(self.done(fetched(self.storage, FILE)), b"data")
        self.swift.expect("GET /c/f", 200, headers=chunked, body=b"2\r\nda\r\n", cut=True)
        self.swift.expect("GET /c/f", 206, headers={**HEAD, "Content-Range": "bytes 2-3/4"}, length=2, cut=True)
        self.swift.expect("GET /c/f", reset=True)
        sink = Sink()
        self.fails(errors.Unavailable, self.storage.fetch(FILE, sink))
        self.assertEqual(sink.data, b"da")

    def test_stop(self) -> None:
        """A sink that stops closes the connection."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4)
        sink = Sink()
        d = self.begin(self.storage.fetch(FILE, sink))
        wire, late = self.swift.wires[0], list[bytes]()
        sink.producer.stopProducing()
        sink.write = late.append  # type: ignore[method-assign]
        wire.protocol.dataReceived(b"ta")  # was there already
        self.turn()
        self.failureResultOf(d, errors.Interrupted)
        self.assertEqual((sink.data, late, self.swift.wires, sink.finished), (b"da", [], [], True))

    def test_directory(self) -> None:
        """The marker of a directory has no bytes to give."""
        self.swift.expect("GET /c/f", 200, headers={**HEAD, "Content-Type": "application/directory"})
        self.fails(errors.IsDirectory, self.storage.fetch(FILE, Sink()))
