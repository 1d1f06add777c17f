"""What the driver makes of a Swift that fails: at each kind of request, in each way."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost, DNSLookupError, TCPTimedOutError

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.storage.swift import Policy
from tests.storage.bytes import Sink, Source, Waiting, fetched, md5
from tests.storage.swift.scripted import ScriptedCase

NOTHING = Attributes(mtime=1500000000.0)


FILE = resolve("/c/f")


HEAD = {"Etag": md5(b"data"), "Content-Type": "text/plain", "X-Timestamp": "1600000000.00000"}


OURS = {**HEAD, "X-Object-Meta-Mtime": "1500000000"}


THE_PUT = "PUT /c/f"


class AuthTests(ScriptedCase):
    """Tokens."""

    def test_renewed(self) -> None:
        """A refused token is renewed once, and the request sent again with the new one."""
        self.swift.expect("HEAD /c/f", 401)
        self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
        self.assertEqual(self.done(self.storage.stat(FILE)).size, 4)
        self.assertEqual([seen.headers["x-auth-token"] for seen in self.swift.requests], ["token-1", "token-2"])

    def test_refused_again(self) -> None:
        """A new token that is refused, too, is the end."""
        self.swift.expect("HEAD /c/f", 401)
        self.swift.expect("HEAD /c/f", 401)
        self.fails(errors.Unauthorized, self.storage.stat(FILE))
        self.assertEqual(self.tokens.number, 2)
        for _ in range(2):
            self.swift.expect("GET /c/f", 401, body=b"<html>")
        self.fails(errors.Unauthorized, self.storage.fetch(FILE, Sink()))

    def test_forbidden(self) -> None:
        """403 renews nothing and is not repeated."""
        self.swift.expect("HEAD /c/f", 403)
        self.fails(errors.PermissionDenied, self.storage.stat(FILE))
        self.assertEqual(self.tokens.number, 1)

    def test_upload(self) -> None:
        """An upload whose token is refused before its end is sent again from its beginning."""
        self.swift.expect(THE_PUT, 401, early=True)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        source = Source(b"data", digest=md5(b"data"))
        self.done(self.storage.store(FILE, source, NOTHING, replaces=None))
        self.assertEqual((source.starts, self.swift.requests[-1].body), (2, b"data"))

    def test_stream(self) -> None:
        """A stream that cannot be sent again fails, the token is renewed for the next."""
        self.swift.expect(THE_PUT, 401, early=True)
        source = Waiting(b"", known=False, replayable=False)
        d = self.begin(self.storage.store(FILE, source, NOTHING, replaces=None))
        self.turn()
        self.failureResultOf(d, errors.Unavailable)
        self.assertEqual((source.stops, self.tokens.number, self.swift.wires), (1, 2, []))

    def test_download(self) -> None:
        """A download's token is renewed, too."""
        self.swift.expect("GET /c/f", 401, body=b"<html>")
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"data")
        self.assertEqual(self.done(fetched(self.storage, FILE)), b"data")


class RetryTests(ScriptedCase):
    """Requests that are repeated, and those that are not."""

    def test_repeated(self) -> None:
        """What may pass is repeated, after a delay that grows."""
        for status in (408, 429, 498, 499, 500, 502, 503, 504, 507):
            self.swift.expect("HEAD /c/f", status)
            self.swift.expect("HEAD /c/f", status)
            self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
            d = self.begin(self.storage.stat(FILE))
            seconds = self.passing(d)
            self.successResultOf(d)
            self.check_script()
            self.assertTrue(0.5 <= seconds <= 2.0, seconds)

    def test_not_repeated(self) -> None:
        """What will not pass is told at once."""
        for status, kind in (
            (400, errors.InvalidName),
            (403, errors.PermissionDenied),
            (405, errors.Unsupported),
            (412, errors.Changed),
            (413, errors.TooLarge),
            (414, errors.InvalidName),
            (497, errors.PermissionDenied),
        ):
            self.swift.expect("HEAD /c/f", status)
            self.fails(kind, self.storage.stat(FILE))

    def test_given_up(self) -> None:
        """After the last attempt the client is told to try again later, with the store's transaction."""
        for _ in range(3):
            self.swift.expect("HEAD /c/f", 503, body=b"<html>secret</html>")
        error = self.fails(errors.Unavailable, self.storage.stat(FILE))
        self.assertIn("tx-test", str(error))
        self.assertNotIn("secret", str(error))

    def test_retry_after(self) -> None:
        """The store says when to come back, within reason."""
        self.swift.expect("HEAD /c/f", 429, headers={"Retry-After": "10"})
        self.swift.expect("HEAD /c/f", 429, headers={"Retry-After": "86400"})
        self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
        d = self.begin(self.storage.stat(FILE))
        seconds = self.passing(d)
        self.successResultOf(d)
        self.assertTrue(20.0 <= seconds <= 41.0, seconds)

    def test_retry_nonsense(self) -> None:
        """What is no number of seconds delays nothing: a date, or a digit that counts nothing."""
        for after in ("Wed, 21 Oct 2015 07:28:00 GMT", "\xb2"):
            self.swift.expect("HEAD /c/f", 429, headers={"Retry-After": after})
            self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
            d = self.begin(self.storage.stat(FILE))
            self.assertLess(self.passing(d), 5)
            self.successResultOf(d)

    def test_stale_connection(self) -> None:
        """A kept-alive connection that closes at reuse costs nothing but a new one, and trust in its like."""
        self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
        self.done(self.storage.stat(FILE))
        self.assertEqual(self.agents.doubted, [])
        self.swift.expect("HEAD /c/f", reset=True)
        self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
        self.done(self.storage.stat(FILE))
        self.assertEqual(self.swift.connects, 2)
        self.assertEqual(self.agents.doubted, [self.done(self.client.account())])

    def test_refused_connection(self) -> None:
        """A store that does not listen is asked again, then unavailable."""
        self.swift.refuse = 2
        self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
        self.done(self.storage.stat(FILE))
        self.swift.wires[0].close(ConnectionError())
        self.swift.refuse = 10
        self.fails(errors.Unavailable, self.storage.stat(FILE))

    def test_unreachable_store(self) -> None:
        """A host that cannot be reached at all is not waited for again and again."""
        for nobody in (TCPTimedOutError, DNSLookupError):
            self.swift.refuse, self.swift.refusal, self.swift.connects = 10, nobody, 0
            self.fails(errors.Unavailable, self.storage.stat(FILE))
            self.fails(errors.Unavailable, self.storage.store(FILE, Source(b"data"), NOTHING, replaces=None))
            self.assertEqual(self.swift.connects, 2)

    def test_silence(self) -> None:
        """A store that says nothing is waited for, but not for ever."""
        self.swift.expect("HEAD /c/f", silent=True)
        self.swift.expect("HEAD /c/f", headers=HEAD, length=4)
        d = self.begin(self.storage.stat(FILE))
        self.assertTrue(20.0 <= self.passing(d) <= 26.0)
        self.successResultOf(d)
        self.swift.expect("GET /c?format=json&limit=1000&delimiter=/", silent=True)
        d = self.begin(self.storage.list(resolve("/c")))
        seconds = self.passing(d)
        self.failureResultOf(d, errors.Unavailable)
        self.assertTrue(60.0 <= seconds <= 80.0, seconds)
        self.assertEqual(self.swift.wires, [])

    def test_delete_repeated(self) -> None:
        """A DELETE that got no answer, and then finds nothing, did it."""
        self.swift.expect("HEAD /c/f?symlink=get", 200, headers=HEAD, length=4)
        self.swift.expect("DELETE /c/f", 503)
        self.swift.expect("DELETE /c/f", 404)
        self.done(self.storage.remove(FILE))

    def test_delete_nothing(self) -> None:
        """A DELETE that finds nothing at first did not."""
        self.swift.expect("HEAD /c/f?symlink=get", 200, headers=HEAD, length=4)
        self.swift.expect("DELETE /c/f", 404)
        self.fails(errors.NotFound, self.storage.remove(FILE))

    def test_container_repeated(self) -> None:
        """A container that is there after a PUT without answer is the one we made."""
        self.swift.expect("PUT /c", 503)
        self.swift.expect("PUT /c", 202)
        self.done(self.storage.make_directory(resolve("/c")))
        self.swift.expect("PUT /c", 202)
        self.fails(errors.AlreadyExists, self.storage.make_directory(resolve("/c")))

    def test_broken_listing(self) -> None:
        """A listing that does not parse, or does not move on, is an error and no loop."""
        line = "GET /c?format=json&limit=1000&delimiter=/"
        for body in (b"", b"[{", b"{}x", b'[{"bytes": 1}]', b"[null]", b'[{"name": 1}]', b'{"name": "x"}'):
            self.swift.expect(line, 200, body=body)
            self.fails(errors.Unavailable, self.storage.list(resolve("/c")))
        self.swift.expect(line, 204)
        self.assertEqual(self.done(self.storage.list(resolve("/c"))).entries, ())

    def test_cut_listing(self) -> None:
        """A listing that is cut is asked for again, and never taken for a shorter one."""
        line = "GET /c?format=json&limit=1000&delimiter=/"
        self.swift.expect(line, 200, body=b"[]", length=9, cut=True)
        self.swift.expect(line, 200, body=b'[{"subdir": "a/"}]')
        self.assertEqual([entry.name for entry in self.done(self.storage.list(resolve("/c"))).entries], ["a"])
        for _ in range(3):
            self.swift.expect(line, 200, body=b"[]", length=9, cut=True)
        self.fails(errors.Unavailable, self.storage.list(resolve("/c")))


class SlowStoreTests(ScriptedCase):
    """Limits of a login."""

    policy = Policy(connections_per_session=2)

    def test_uploads_do_not_stop_listings(self) -> None:
        """Uploads wait for each other, and small requests for none of them."""
        for _ in range(2):
            self.swift.expect(None, silent=True)
        uploads = [
            self.begin(self.storage.store(resolve(f"/c/{i}"), Source(b"data"), NOTHING, replaces=None))
            for i in range(3)
        ]
        self.assertEqual(len(self.swift.requests), 2)
        self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
        self.assertEqual(self.done(self.storage.stat(FILE)).size, 4)
        for upload in uploads:
            upload.addErrback(lambda _: None)
            upload.cancel()

    def test_streams_wait_for_no_other(self) -> None:
        """A client may write any number of streams in turn: none waits for another's end, nor does a large copy."""
        sources = [Waiting(b"", known=False, replayable=False) for _ in range(4)]
        stored = []
        for i, source in enumerate(sources):
            self.swift.expect(f"PUT /c/{i}", 201, headers={"Etag": md5(b"data")})
            stored.append(self.begin(self.storage.store(resolve(f"/c/{i}"), source, NOTHING, replaces=None)))
        self.swift.expect(None, 201, headers={"Etag": md5(b"data")})
        self.assertEqual(self.done(self.storage._trees.copy_name(("c", "f"), ("c", "g"), size=10**9)), md5(b"data"))
        for source, upload in reversed(list(zip(sources, stored, strict=True))):
            source.consumer.write(b"data")
            source.done.callback(None)
            self.passing(upload)
            self.assertEqual(self.successResultOf(upload).size, 4)

    def test_copies_do_not_stop_listings(self) -> None:
        """Nor do copies of large files, which take the store as long."""
        for _ in range(2):
            self.swift.expect(None, silent=True)
        names = ("c", "f"), ("c", "g")
        copies = [self.begin(self.storage._trees.copy_name(*names, size=10**9)) for _ in range(3)]
        self.assertEqual(len(self.swift.requests), 2)
        self.swift.expect("HEAD /c/f", 200, headers=HEAD, length=4)
        self.assertEqual(self.done(self.storage.stat(FILE)).size, 4)
        for copy in copies:
            copy.addErrback(lambda _: None)
            copy.cancel()


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
        wire = self.swift.wires[0]
        sink.producer.stopProducing()
        wire.protocol.dataReceived(b"ta")  # was there already
        self.turn()
        self.failureResultOf(d, errors.Interrupted)
        self.assertEqual((sink.data, self.swift.wires, sink.finished), (b"da", [], True))

    def test_directory(self) -> None:
        """The marker of a directory has no bytes to give."""
        self.swift.expect("GET /c/f", 200, headers={**HEAD, "Content-Type": "application/directory"})
        self.fails(errors.IsDirectory, self.storage.fetch(FILE, Sink()))
