"""
Packets -> encrypted bytes: one object per direction, key and cipher.

``seal`` makes one packet of a payload; ``seal_data`` makes as many CHANNEL_DATA packets as it takes of any
amount of channel output, without joining it first.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

from swftp.ssh.wire import U32, U64, Buffer, Msg

_PADDING = tuple(os.urandom(size) for size in range(32))
"""Drawn once: RFC 4253 asks for random padding, but its content matters only to ciphers that we do not offer."""

_DATA_HEAD = Struct(">BBII")  # padding length, message, channel, size
_WRAP32 = 0xFFFFFFFF
_WRAP64 = 0xFFFFFFFFFFFFFFFF


class Sealer(Protocol):
    """One direction, key and cipher."""

    sequence: int

    def seal(self, payload: bytes) -> bytes:
        """One packet."""

    def seal_data(self, channel: int, parts: Iterable[Buffer], total: int, limit: int) -> bytes | bytearray:
        """The *total* bytes of *parts* as CHANNEL_DATA packets of at most *limit* bytes of data each."""


def cut(parts: Iterable[Buffer], limit: int) -> Iterator[tuple[int, list[Buffer]]]:
    """*parts* as runs of *limit* bytes, the last one maybe shorter: (size, pieces of the run)."""
    run: list[Buffer] = []
    room = limit
    for part in parts:
        size = len(part)
        if size > room:
            view = memoryview(part)
            at = 0
            while size - at > room:
                run.append(view[at : at + room])
                at += room
                yield limit, run
                run = []
                room = limit
            run.append(view[at:])
            room -= size - at
        else:
            run.append(part)
            room -= size
    if room < limit:
        yield limit - room, run


class _EachPacket:
    """Channel data for ciphers that seal packet by packet."""

    sequence = 0
    _block = 16
    _uncounted = 4  # bytes of the length field that do not count for the block size

    def _seal(self, pieces: list[Buffer], size: int) -> bytes:
        raise NotImplementedError

    def _pad(self, size: int) -> int:
        """Bytes of padding of a packet whose padding length byte and payload are *size* bytes."""
        block = self._block
        padding = block - (size + 4 - self._uncounted) % block
        return padding if padding >= 4 else padding + block

    def seal(self, payload: bytes) -> bytes:
        """See `Sealer`."""
        padding = self._pad(1 + len(payload))
        return self._seal([bytes((padding,)), payload, _PADDING[padding]], 1 + len(payload) + padding)

    def seal_data(self, channel: int, parts: Iterable[Buffer], total: int, limit: int) -> bytes | bytearray:
        """See `Sealer`."""
        sealed = []
        for size, run in cut(parts, limit):
            padding = self._pad(10 + size)
            head = _DATA_HEAD.pack(padding, Msg.CHANNEL_DATA, channel, size)
            sealed.append(self._seal([head, *run, _PADDING[padding]], 10 + size + padding))
        return b"".join(sealed)


class PlainSealer(_EachPacket):
    """Before the first NEWKEYS (RFC 4253 section 6)."""

    _block = 8
    _uncounted = 0

    def _seal(self, pieces: list[Buffer], size: int) -> bytes:
        self.sequence = (self.sequence + 1) & _WRAP32
        return b"".join((U32.pack(size), *pieces))


class GcmSealer:
    """AES-GCM (RFC 5647 as OpenSSH reads it: PROTOCOL section 1.6)."""

    def __init__(self, key: bytes, iv: bytes, sequence: int) -> None:
        self._aead = AESGCM(key)
        self._fixed = iv[:4]
        self._counter = int.from_bytes(iv[4:12], "big")
        self.sequence = sequence

    def seal(self, payload: bytes) -> bytes:
        """See `Sealer`."""
        size = 1 + len(payload)
        padding = _gcm_padding(size)
        length = U32.pack(size + padding)
        nonce = self._fixed + U64.pack(self._counter)
        self._counter = (self._counter + 1) & _WRAP64
        self.sequence = (self.sequence + 1) & _WRAP32
        return length + self._aead.encrypt(nonce, b"".join((bytes((padding,)), payload, _PADDING[padding])), length)

    def seal_data(self, channel: int, parts: Iterable[Buffer], total: int, limit: int) -> bytes | bytearray:
        """See `Sealer`: encrypted straight into one buffer of the right size."""
        whole, last = divmod(total, limit)
        sealed = bytearray(whole * _gcm_size(limit) + (_gcm_size(last) if last else 0))
        view = memoryview(sealed)
        encrypt, fixed, pack, join = self._aead.encrypt_into, self._fixed, U64.pack, b"".join
        counter = self._counter
        at = before = 0
        for size, run in cut(parts, limit):
            if size != before:  # all but the last are alike
                before, padding = size, _gcm_padding(10 + size)
                length = U32.pack(10 + size + padding)
                head, tail = _DATA_HEAD.pack(padding, Msg.CHANNEL_DATA, channel, size), _PADDING[padding]
            stop = at + 30 + size + padding
            view[at : at + 4] = length
            encrypt(fixed + pack(counter), join((head, *run, tail)), length, view[at + 4 : stop])
            counter = (counter + 1) & _WRAP64
            self.sequence = (self.sequence + 1) & _WRAP32
            at = stop
        self._counter = counter
        return sealed


def _gcm_padding(size: int) -> int:
    padding = 16 - size % 16
    return padding if padding >= 4 else padding + 16


def _gcm_size(data: int) -> int:
    """Bytes on the wire of a CHANNEL_DATA packet with *data* bytes."""
    return 30 + data + _gcm_padding(10 + data)


class ChachaSealer(_EachPacket):
    """chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305)."""

    _block = 8

    def __init__(self, key: bytes, sequence: int) -> None:
        self._main = Cipher(algorithms.ChaCha20(key[:32], bytes(16)), None).encryptor()
        self._head = Cipher(algorithms.ChaCha20(key[32:64], bytes(16)), None).encryptor()
        self.sequence = sequence

    def _seal(self, pieces: list[Buffer], size: int) -> bytes:
        nonce = bytes(8) + U64.pack(self.sequence)
        self.sequence = (self.sequence + 1) & _WRAP32
        self._head.reset_nonce(nonce)
        self._main.reset_nonce(nonce)
        mac = Poly1305(self._main.update(bytes(64))[:32])
        length = self._head.update(U32.pack(size))
        sealed = self._main.update(b"".join(pieces))
        mac.update(length)
        mac.update(sealed)
        return b"".join((length, sealed, mac.finalize()))


class EtmSealer(_EachPacket):
    """AES-CTR with an encrypt-then-MAC HMAC (OpenSSH PROTOCOL section 1.5)."""

    def __init__(self, key: bytes, iv: bytes, mac_key: bytes, digest: str, sequence: int) -> None:
        self._update = Cipher(algorithms.AES(key), modes.CTR(iv[:16])).encryptor().update
        self._mac = hmac.new(mac_key, digestmod=digest)
        self.sequence = sequence

    def _seal(self, pieces: list[Buffer], size: int) -> bytes:
        length = U32.pack(size)
        sealed = self._update(b"".join(pieces))
        mac = self._mac.copy()
        mac.update(U32.pack(self.sequence))
        mac.update(length)
        mac.update(sealed)
        self.sequence = (self.sequence + 1) & _WRAP32
        return b"".join((length, sealed, mac.digest()))


class CtrSealer(EtmSealer):
    """AES-CTR with an HMAC over the plaintext (RFC 4344, RFC 6668)."""

    _uncounted = 0

    def _seal(self, pieces: list[Buffer], size: int) -> bytes:
        plain = b"".join((U32.pack(size), *pieces))
        mac = self._mac.copy()
        mac.update(U32.pack(self.sequence))
        mac.update(plain)
        self.sequence = (self.sequence + 1) & _WRAP32
        return self._update(plain) + mac.digest()
