"""Streams whose MD5 their source computes: the driver compares it, and computes none itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from tests.storage.bytes import Source, md5
from tests.storage.swift.scripted import ScriptedCase

FILE = resolve("/c/f")


class Hashing(Source):
    """Knows its MD5 when it has ended."""

    hashes = True

    def startProducing(self, consumer: Any) -> Deferred[None]:
        done = super().startProducing(consumer)
        self.digest = md5(b"what was hashed")
        return done


class StreamTests(ScriptedCase):
    """`SwiftStorage.store` of a stream."""

    def store(self) -> Any:
        """The request."""
        source = Hashing(b"what was sent", known=False, replayable=False)
        return self.storage.store(FILE, source, Attributes(), replaces=None)

    def test_confirmed(self) -> None:
        """The store's checksum is compared with that of the source, whatever passed."""
        self.swift.expect("PUT /c/f", 201, headers={"Etag": md5(b"what was hashed")})
        self.assertEqual(self.done(self.store()).digest, md5(b"what was hashed"))

    def test_another(self) -> None:
        """Another checksum is an error."""
        self.swift.expect("PUT /c/f", 201, headers={"Etag": md5(b"what was sent")})
        self.fails(errors.Corrupt, self.store())
