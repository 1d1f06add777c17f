"""
Encrypted bytes -> packets, in one pass: one object per direction, key and cipher.

``open(sink, data, at, end)`` takes every whole packet of ``data[at:end]`` off it, checks it, and hands it decrypted
(padding length, payload, padding) to ``sink.packet``; CHANNEL_DATA packets that follow each other go to ``sink.data``
together, since there are 32,768 of them in a GiB.  It returns where it stopped.  ``need`` then says how many bytes,
from there on, are worth trying again with.  It stops as soon as the sink reads with another opener.
"""

from __future__ import annotations

import hmac
from typing import Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

from swftp.ssh.wire import U32, U64, Msg, ProtocolError, Reason

PACKET_LIMIT = (256 << 10) + 1024
"""Bytes of a packet without its MAC: OpenSSH's 256 KiB, and room for headers."""

_DATA = int(Msg.CHANNEL_DATA)
_length = U32.unpack_from
_WRAP32 = 0xFFFFFFFF
_WRAP64 = 0xFFFFFFFFFFFFFFFF


class Sink(Protocol):
    """Where packets go."""

    opener: Opener

    def packet(self, packet: bytes) -> None:
        """Any packet but CHANNEL_DATA."""

    def data(self, packets: list[bytes]) -> None:
        """CHANNEL_DATA packets, at least one."""


class Opener(Protocol):
    """One direction, key and cipher."""

    sequence: int
    need: int

    def open(self, sink: Sink, data: memoryview, at: int, end: int) -> int:
        """See the module."""


class _Run:
    """What came before the packet at hand, in one call of ``open``, and was not handed on yet."""

    __slots__ = ("_opener", "_sink", "data")

    def __init__(self, opener: Opener, sink: Sink) -> None:
        self._opener = opener
        self._sink = sink
        self.data: list[bytes] = []

    def end(self) -> bool:
        """Hand on what there is; whether the sink goes on with the same opener."""
        if self.data:
            data, self.data = self.data, []
            self._sink.data(data)
        return self._sink.opener is self._opener

    def packet(self, packet: bytes) -> bool:
        """Hand on *packet*, after what came before it; whether the sink goes on with the same opener."""
        if not self.end():
            return False
        self._sink.packet(packet)
        return self._sink.opener is self._opener

    def bad_length(self) -> ProtocolError:
        """What to raise; what came before it was good."""
        self.end()
        return ProtocolError("bad packet length")

    def bad_mac(self) -> ProtocolError:
        """As `bad_length`."""
        self.end()
        return ProtocolError("bad MAC", Reason.MAC_ERROR)


class PlainOpener:
    """Before the first NEWKEYS (RFC 4253 section 6)."""

    def __init__(self) -> None:
        self.sequence = 0
        self.need = 16

    def open(self, sink: Sink, data: memoryview, at: int, end: int) -> int:
        """See `Opener`."""
        while end - at >= 16 and sink.opener is self:
            length = _length(data, at)[0]
            if length > PACKET_LIMIT or length < 12 or (length + 4) & 7:
                raise ProtocolError("bad packet length")
            stop = at + 4 + length
            if stop > end:
                self.need = stop - at
                return at
            packet = bytes(data[at + 4 : stop])
            at = stop
            self.sequence = (self.sequence + 1) & _WRAP32
            sink.packet(packet)
        self.need = 16
        return at


class DiscardOpener:
    """After a disconnect: whatever still comes is not looked at."""

    def __init__(self) -> None:
        self.sequence = 0
        self.need = 1

    def open(self, sink: Sink, data: memoryview, at: int, end: int) -> int:
        """See `Opener`."""
        return end


class GcmOpener:
    """AES-GCM (RFC 5647 as OpenSSH reads it: PROTOCOL section 1.6)."""

    def __init__(self, key: bytes, iv: bytes, sequence: int) -> None:
        self._decrypt = AESGCM(key).decrypt
        self._fixed = iv[:4]
        self._counter = int.from_bytes(iv[4:12], "big")
        self.sequence = sequence
        self.need = 36

    def open(self, sink: Sink, data: memoryview, at: int, end: int) -> int:
        """See `Opener`."""
        decrypt, fixed, pack, unpack = self._decrypt, self._fixed, U64.pack, _length
        run, need = _Run(self, sink), 36
        while end - at >= 36:
            (length,) = unpack(data, at)
            if length > PACKET_LIMIT or length & 15 or not length:
                raise run.bad_length()
            stop = at + length + 20
            if stop > end:
                need = stop - at
                break
            try:
                packet = decrypt(fixed + pack(self._counter), data[at + 4 : stop], data[at : at + 4])
            except InvalidTag:
                raise run.bad_mac() from None
            at = stop
            self._counter = (self._counter + 1) & _WRAP64
            self.sequence = (self.sequence + 1) & _WRAP32
            if packet[1] == _DATA:
                run.data.append(packet)
            elif not run.packet(packet):
                break
        run.end()
        self.need = need
        return at


class ChachaOpener:
    """chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305)."""

    def __init__(self, key: bytes, sequence: int) -> None:
        self._main = Cipher(algorithms.ChaCha20(key[:32], bytes(16)), None).decryptor()
        self._head = Cipher(algorithms.ChaCha20(key[32:64], bytes(16)), None).decryptor()
        self._length: int | None = None  # of the packet that is not all there
        self.sequence = sequence
        self.need = 28

    def open(self, sink: Sink, data: memoryview, at: int, end: int) -> int:
        """See `Opener`."""
        main = self._main
        run, need = _Run(self, sink), 28
        while end - at >= 28:
            nonce = bytes(8) + U64.pack(self.sequence)
            length = self._length
            if length is None:
                self._head.reset_nonce(nonce)
                (length,) = _length(self._head.update(data[at : at + 4]))
                if length > PACKET_LIMIT or length & 7 or not length:
                    raise run.bad_length()
                self._length = length
            stop = at + length + 20
            if stop > end:
                need = stop - at
                break
            main.reset_nonce(nonce)
            mac_key = main.update(bytes(64))[:32]
            try:
                Poly1305.verify_tag(mac_key, data[at : stop - 16], bytes(data[stop - 16 : stop]))
            except InvalidSignature:
                raise run.bad_mac() from None
            packet = main.update(data[at + 4 : stop - 16])
            at = stop
            self._length = None
            self.sequence = (self.sequence + 1) & _WRAP32
            if packet[1] == _DATA:
                run.data.append(packet)
            elif not run.packet(packet):
                break
        run.end()
        self.need = need
        return at


class EtmOpener:
    """AES-CTR with an encrypt-then-MAC HMAC (OpenSSH PROTOCOL section 1.5)."""

    def __init__(self, key: bytes, iv: bytes, mac_key: bytes, digest: str, sequence: int) -> None:
        self._update = Cipher(algorithms.AES(key), modes.CTR(iv[:16])).decryptor().update
        self._mac = hmac.new(mac_key, digestmod=digest)
        self.sequence = sequence
        self.need = 20 + self._mac.digest_size

    def open(self, sink: Sink, data: memoryview, at: int, end: int) -> int:
        """See `Opener`."""
        update = self._update
        size = self._mac.digest_size
        run, need = _Run(self, sink), 20 + size
        while end - at >= 20 + size:
            length = _length(data, at)[0]
            if length > PACKET_LIMIT or length & 15 or not length:
                raise run.bad_length()
            stop = at + 4 + length
            if stop + size > end:
                need = stop + size - at
                break
            mac = self._mac.copy()
            mac.update(U32.pack(self.sequence))
            mac.update(data[at:stop])
            if not hmac.compare_digest(mac.digest(), data[stop : stop + size]):
                raise run.bad_mac()
            packet = update(data[at + 4 : stop])
            at = stop + size
            self.sequence = (self.sequence + 1) & _WRAP32
            if packet[1] == _DATA:
                run.data.append(packet)
            elif not run.packet(packet):
                break
        run.end()
        self.need = need
        return at


class CtrOpener:
    """AES-CTR with an HMAC over the plaintext (RFC 4344, RFC 6668)."""

    def __init__(self, key: bytes, iv: bytes, mac_key: bytes, digest: str, sequence: int) -> None:
        self._update = Cipher(algorithms.AES(key), modes.CTR(iv[:16])).decryptor().update
        self._mac = hmac.new(mac_key, digestmod=digest)
        self._first: bytes | None = None  # decrypted first block of the packet that is not all there
        self.sequence = sequence
        self.need = 16

    def open(self, sink: Sink, data: memoryview, at: int, end: int) -> int:
        """See `Opener`."""
        update = self._update
        size = self._mac.digest_size
        run, need = _Run(self, sink), 16
        while end - at >= 16:
            first = self._first
            if first is None:
                first = self._first = update(data[at : at + 16])
            length = _length(first)[0]
            if length > PACKET_LIMIT or (length + 4) & 15 or length < 12:
                raise run.bad_length()
            stop = at + 4 + length
            if stop + size > end:
                need = stop + size - at
                break
            plain = first + update(data[at + 16 : stop])
            mac = self._mac.copy()
            mac.update(U32.pack(self.sequence))
            mac.update(plain)
            if not hmac.compare_digest(mac.digest(), data[stop : stop + size]):
                raise run.bad_mac()
            at = stop + size
            self._first = None
            self.sequence = (self.sequence + 1) & _WRAP32
            packet = plain[4:]
            if packet[1] == _DATA:
                run.data.append(packet)
            elif not run.packet(packet):
                break
        run.end()
        self.need = need
        return at
