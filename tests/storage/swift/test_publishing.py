"""The request that makes a file visible, against a store that fails it."""

from __future__ import annotations

from typing import Any

from swftp import errors
from swftp.entries import UNLIKELY
from swftp.paths import resolve
from swftp.storage.swift.manifests import Segment
from tests.storage.bytes import Source, Waiting, md5
from tests.storage.swift.scripted import ScriptedCase
from tests.storage.swift.test_faults import FILE, NOTHING, OURS, THE_PUT


class PublishTests(ScriptedCase):
    """The request that makes a file visible."""

    def store(self, data: bytes = b"data", **kwargs: Any) -> Any:
        """Store *data*, known to replace nothing."""
        source = Source(data, digest=md5(data))
        return self.storage.store(FILE, source, NOTHING, replaces=None, **kwargs)

    def test_one_request(self) -> None:
        """A new small file, looked for before, is one PUT with length, checksum and time."""
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        self.assertEqual(self.done(self.store()).digest, md5(b"data"))
        [seen] = self.swift.requests
        self.assertEqual(seen.body, b"data")
        for name, value in {
            "content-length": "4",
            "etag": md5(b"data"),
            "x-object-meta-mtime": "1500000000",
            "content-type": "application/octet-stream;mtime=1500000000",
        }.items():
            self.assertEqual(seen.headers[name], value)

    def test_two_requests(self) -> None:
        """One that nobody looked for costs a HEAD more."""
        self.swift.expect("HEAD /c/f?symlink=get", 404)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        self.done(self.storage.store(FILE, Source(b"data"), NOTHING))

    def test_directory_in_the_way(self) -> None:
        """Where nothing was, and what is sent can be sent only once, or in parts, a directory is looked for first."""
        stream = Source(b"data", known=False, replayable=False)
        part = Segment("c_segments", "f/swftp-1-0123456789abcdef/00000000", md5(b"data"), 4, 0, 4, staged=True)
        for work in (
            self.storage.store(FILE, stream, NOTHING, replaces=UNLIKELY),
            self.storage.publish(FILE, [part], NOTHING, replaces=UNLIKELY),
        ):
            self.swift.expect("HEAD /c/f?symlink=get", headers={"Content-Type": "application/directory"}, length=0)
            self.fails(errors.IsDirectory, work)
        self.assertEqual(stream.starts, 0)

    def test_busy(self) -> None:
        """A store that is busy is asked again later and later, or when it says."""
        for headers, seconds in (({}, 1.0), ({"Retry-After": "5"}, 5.0)):
            for status in (503, 503, 201):
                self.swift.expect(THE_PUT, status, headers={"Etag": md5(b"data"), **headers})
                if status != 201:
                    self.swift.expect("HEAD /c/f?symlink=get", 404)
            d = self.begin(self.store())
            self.assertGreaterEqual(self.passing(d), seconds * 0.5)
            self.successResultOf(d)
            self.check_script()

    def test_refusals(self) -> None:
        """What the store refuses for good is told as what it is."""
        for status, body, kind in (
            (400, b"", errors.InvalidName),
            (403, b"", errors.PermissionDenied),
            (404, b"", errors.NotFound),
            (413, b"", errors.TooLarge),
            (413, b"Upload exceeds quota.", errors.QuotaExceeded),
        ):
            self.swift.expect(THE_PUT, status, body=body)
            self.fails(kind, self.store())

    def test_accepted_is_not_stored(self) -> None:
        """202 on a PUT says that a newer object is there: not ours."""
        self.swift.expect(THE_PUT, 202)
        self.fails(errors.Unavailable, self.store())

    def test_wrong_checksum(self) -> None:
        """A 201 with another ETag is no success, for known checksums and passing ones."""
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"")})
        self.fails(errors.Corrupt, self.store())
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"")})
        stream = Source(b"data", known=False, replayable=False)
        self.fails(errors.Corrupt, self.storage.store(FILE, stream, NOTHING, replaces=None))

    def test_no_checksum(self) -> None:
        """A 201 without ETag is looked up."""
        self.swift.expect(THE_PUT, 201)
        self.swift.expect("HEAD /c/f?symlink=get", 200, headers=OURS, length=4)
        self.done(self.store())
        self.swift.expect(THE_PUT, 201)
        self.swift.expect("HEAD /c/f?symlink=get", 200, headers={**OURS, "Etag": md5(b"")}, length=0)
        self.fails(errors.Corrupt, self.store())

    def test_no_checksum_and_no_look(self) -> None:
        """If it cannot be looked up, it may well be there."""
        self.swift.expect(THE_PUT, 201)
        for _ in range(3):
            self.swift.expect("HEAD /c/f?symlink=get", 503)
        self.fails(errors.StateUnknown, self.store())

    def test_mismatch(self) -> None:
        """422: the bytes were damaged on their way; sent again, once."""
        self.swift.expect(THE_PUT, 422)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        self.done(self.store())
        self.swift.expect(THE_PUT, 422)
        self.swift.expect(THE_PUT, 422)
        self.fails(errors.Damaged, self.store())

    def test_throttled(self) -> None:
        """What was certainly not stored is sent again without looking."""
        for status in (408, 429, 498, 499):
            self.swift.expect(THE_PUT, status)
            self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
            self.done(self.store())

    def test_undecided_and_there(self) -> None:
        """A PUT without clear answer that HEAD shows to have worked is a success, and not repeated."""
        for answer in ({"status": 503}, {"status": 500}, {"reset": True}, {"silent": True}):
            self.swift.expect(THE_PUT, **answer)
            found = self.swift.expect("HEAD /c/f?symlink=get", 200, headers=OURS, length=4)
            found.check = lambda seen: self.assertEqual(seen.headers["x-newest"], "true")
            self.done(self.store())

    def test_undecided_and_not_there(self) -> None:
        """One that HEAD shows not to have worked is sent again."""
        for other in ({"status": 404}, {"headers": {**OURS, "Etag": md5(b"old")}, "length": 3}):
            self.swift.expect(THE_PUT, 503)
            self.swift.expect("HEAD /c/f?symlink=get", **other)
            self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
            self.done(self.store())

    def test_same_content_before(self) -> None:
        """An old object of the same content, but another time, does not pass for the new one."""
        self.swift.expect(THE_PUT, 503)
        self.swift.expect(
            "HEAD /c/f?symlink=get", 200, headers={**OURS, "X-Object-Meta-Mtime": "1400000000"}, length=4
        )
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        self.done(self.store())

    def test_never_decided(self) -> None:
        """What stays undecided is said to be so."""
        for _ in range(3):
            self.swift.expect(THE_PUT, 503)
            for _ in range(3):
                self.swift.expect("HEAD /c/f?symlink=get", 503)
        self.fails(errors.StateUnknown, self.store())

    def test_refused_after_undecided(self) -> None:
        """A refusal does not undo what an earlier attempt may have done."""
        self.swift.expect(THE_PUT, 503)
        self.swift.expect("HEAD /c/f?symlink=get", 404)
        self.swift.expect(THE_PUT, 413)
        self.swift.expect("HEAD /c/f?symlink=get", 404)
        self.fails(errors.StateUnknown, self.store())

    def test_stream_undecided(self) -> None:
        """A stream cannot be sent again: it is there, or unknown."""
        for status, kind in ((200, None), (404, errors.StateUnknown)):
            self.swift.expect(THE_PUT, reset=True)
            self.swift.expect("HEAD /c/f?symlink=get", status, headers=OURS, length=4)
            source = Source(b"data", known=False, replayable=False)
            work = self.storage.store(FILE, source, NOTHING, replaces=None)
            if kind is None:
                self.assertEqual(self.done(work).size, 4)
            else:
                self.fails(kind, work)

    def test_reset_in_mid_body(self) -> None:
        """A connection lost before the last byte stored nothing; the upload is sent again without looking."""
        self.swift.expect(THE_PUT, reset=True, early=True)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        source = Waiting(b"data", length=4, digest=md5(b"data"))
        d = self.begin(self.storage.store(FILE, source, NOTHING, replaces=None))
        self.passing(d, limit=5.0)
        self.assertEqual((source.starts, source.stops), (2, 1))
        source.consumer.write(b"data")
        source.done.callback(None)
        self.turn()
        self.successResultOf(d)
        self.check_script()

    def test_early_refusal(self) -> None:
        """A refusal in mid-body ends the upload at once, and the connection with it."""
        for status, kind in ((403, errors.PermissionDenied), (404, errors.NotFound), (413, errors.TooLarge)):
            self.swift.expect(THE_PUT, status, early=True)
            source = Waiting(b"", known=False, replayable=False)
            d = self.begin(self.storage.store(FILE, source, NOTHING, replaces=None))
            self.turn()
            self.failureResultOf(d, kind)
            self.assertEqual((source.stops, self.swift.wires), (1, []))
            source.consumer.write(b"late")

    def test_early_failure(self) -> None:
        """A body that was not sent to its end is not there: no look, and its checksum so far means nothing."""
        self.swift.expect(THE_PUT, 503, early=True)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        source = Waiting(b"data", length=4)
        d = self.begin(self.storage.store(FILE, source, NOTHING, replaces=None))
        self.passing(d, limit=5.0)
        source.consumer.write(b"data")
        source.done.callback(None)
        self.turn()
        self.assertEqual(self.successResultOf(d).digest, md5(b"data"))
        self.check_script()

    def test_early_success(self) -> None:
        """A success before the end of the body is none."""
        for _ in range(3):
            self.swift.expect(THE_PUT, 201, early=True, headers={"Etag": md5(b"")})
        source = Waiting(b"data", length=4, digest=md5(b"data"))
        d = self.begin(self.storage.store(FILE, source, NOTHING, replaces=None))
        self.passing(d)
        self.failureResultOf(d, errors.Unavailable)

    def test_exclusive(self) -> None:
        """Something stands there: AlreadyExists; unless it is what an earlier attempt put there."""
        self.swift.expect(THE_PUT, 412)
        self.fails(errors.AlreadyExists, self.store(exclusive=True))
        self.assertEqual(self.swift.requests[0].headers["if-none-match"], "*")
        self.swift.expect(THE_PUT, 503)
        self.swift.expect("HEAD /c/f?symlink=get", 404)
        self.swift.expect(THE_PUT, 412)
        self.swift.expect("HEAD /c/f?symlink=get", 200, headers=OURS, length=4)
        self.done(self.store(exclusive=True))
        self.swift.expect(THE_PUT, 403)
        self.fails(errors.PermissionDenied, self.store(exclusive=True))

    def test_client_gone(self) -> None:
        """A source that fails leaves no end of body on the wire, whether it knew its length or not."""
        for known in (True, False):
            self.swift.expect(THE_PUT, 201)
            source = Waiting(b"", known=known, length=10)
            d = self.begin(self.storage.store(FILE, source, NOTHING, replaces=None))
            source.consumer.write(b"half")
            self.turn()
            source.done.errback(errors.Interrupted())
            self.turn()
            self.failureResultOf(d, errors.Interrupted)
            seen = self.swift.requests.pop()
            self.assertEqual((seen.body, seen.whole, self.swift.wires), (b"half", False, []))

    def test_stalled_store(self) -> None:
        """A store that takes no more is given up; a client that gives no more is not the store's fault."""
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        source = Waiting(b"data", known=False, replayable=False)
        d = self.begin(self.storage.store(FILE, source, NOTHING, replaces=None))
        for _ in range(60):
            self.turn(10.0)
        self.assertNoResult(d)
        self.swift.wires[0].producer.pauseProducing()
        self.passing(d)
        self.failureResultOf(d, errors.Unavailable)
        self.assertEqual((source.stops, self.swift.wires), (1, []))

    def test_fresh_container(self) -> None:
        """A container made a moment ago may be unknown to some proxies."""
        self.swift.expect("PUT /c", 201)
        self.done(self.storage.make_directory(resolve("/c")))
        self.swift.expect(THE_PUT, 404)
        self.swift.expect(THE_PUT, 404)
        self.swift.expect(THE_PUT, 201, headers={"Etag": md5(b"data")})
        self.done(self.store())
