"""A client that goes away while a request is in flight: nothing is sent again, and no connection stays behind."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError

from swftp import errors
from tests.storage.bytes import Sink, Waiting, md5
from tests.storage.swift.scripted import ScriptedCase
from tests.storage.swift.test_faults import FILE, HEAD, NOTHING, THE_PUT


class _Gone(Sink):
    """Its reader left before the answer came."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        super().registerProducer(producer, streaming)
        producer.stopProducing()


class CancelledTests(ScriptedCase):
    """Whoever waited for a request waits no more."""

    def gone(self, work: Any) -> None:
        """Cancel *work*, which waits for an answer that never comes."""
        d = self.begin(work)
        self.assertEqual(len(self.swift.wires), 1)
        d.cancel()
        self.turn()
        self.failureResultOf(d, CancelledError)
        for _ in range(100):
            self.turn(1.0)
        self.assertEqual(self.swift.wires, [])
        self.check_script()

    def test_download(self) -> None:
        """A download that has no answer yet."""
        self.swift.expect("GET /c/f", silent=True)
        self.gone(self.storage.fetch(FILE, Sink()))

    def test_download_in_mid_body(self) -> None:
        """A download of which a part has come."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4)
        self.gone(self.storage.fetch(FILE, Sink()))

    def test_small_request(self) -> None:
        """A request that would be repeated if the store had been silent."""
        self.swift.expect("HEAD /c/f", silent=True)
        self.gone(self.storage.stat(FILE))

    def test_answer_in_mid_body(self) -> None:
        """An answer that is being read."""
        self.swift.expect(None, 200, body=b"[", length=4)
        self.gone(self.storage.list(FILE.parent))

    def test_upload(self) -> None:
        """An upload in mid-body; its source is told."""
        self.swift.expect(THE_PUT, silent=True)
        source = Waiting(b"", length=4, digest=md5(b"data"))
        self.gone(self.storage.store(FILE, source, NOTHING, replaces=None))
        self.assertEqual(source.stops, 1)

    def test_stopped_at_once(self) -> None:
        """A sink that stops as soon as the answer is there."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=400_000)
        self.fails(errors.Interrupted, self.storage.fetch(FILE, _Gone()))
        self.turn()
        self.assertEqual(self.swift.wires, [])

    def test_stopped_between_requests(self) -> None:
        """A sink that stops while a download that was cut waits to go on."""
        self.swift.expect("GET /c/f", 200, headers=HEAD, body=b"da", length=4, cut=True)
        self.swift.expect("GET /c/f", 503)
        sink = Sink()
        d = self.begin(self.storage.fetch(FILE, sink))
        sink.producer.stopProducing()
        self.passing(d)
        self.failureResultOf(d, errors.Interrupted)
        self.check_script()
