"""What the driver makes of a Swift that fails: at each kind of request, in each way."""

from __future__ import annotations

from twisted.internet.error import DNSLookupError, TCPTimedOutError

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.storage.swift import Policy
from swftp.storage.swift.client import ERROR_LIMIT
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
        """403 renews nothing and is not repeated, though its page be cut."""
        self.swift.expect("HEAD /c/f", 403)
        self.fails(errors.PermissionDenied, self.storage.stat(FILE))
        self.swift.expect("GET /c?format=json&limit=1000&delimiter=/", 403, body=b"<ht", length=99, cut=True)
        self.fails(errors.PermissionDenied, self.storage.list(resolve("/c")))
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

    def test_endless_error(self) -> None:
        """An error page without end is not read to it; what it was about is told."""
        line = "GET /c?format=json&limit=1000&delimiter=/"
        for status, kind in ((403, errors.PermissionDenied), (404, errors.NotFound)):
            self.swift.expect(line, status, body=b"x" * (ERROR_LIMIT + 1), length=10**9)
            self.fails(kind, self.storage.list(resolve("/c")))
            self.turn()
            self.assertEqual(self.swift.wires, [])

    def test_links_in_circles(self) -> None:
        """409 to a look says that links lead to each other: nothing is to be seen there."""
        self.swift.expect("HEAD /c/f", 409)
        self.fails(errors.InvalidRequest, self.storage.stat(FILE))

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
