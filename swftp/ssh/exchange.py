"""
One connection's key exchanges: the first, and all that follow, whoever asks for them.

Each direction changes keys at its own NEWKEYS: what we send after ours is under new keys although the client's
has not come, as OpenSSH does it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

from twisted.conch.ssh.keys import Key

from swftp.ssh import algorithms
from swftp.ssh.algorithms import Agreement, Offer, Policy
from swftp.ssh.gate import Exchange
from swftp.ssh.kex import METHODS, Keys
from swftp.ssh.openers import Opener
from swftp.ssh.sealers import Sealer
from swftp.ssh.settings import EARLY_EXCHANGES, FIRST_KEX_PACKETS
from swftp.ssh.wire import Msg, ProtocolError, Reader, Reason, string

_TRANSITIONS = {
    (Exchange.NONE, "ask"): Exchange.ASKED,
    (Exchange.ASKED, "agree"): Exchange.AGREED,
    (Exchange.ASKED, "agree in spite of a guess"): Exchange.GUESSED,
    (Exchange.GUESSED, "skip"): Exchange.AGREED,
    (Exchange.AGREED, "answer"): Exchange.ANSWERED,
    (Exchange.ANSWERED, "new keys"): Exchange.NONE,
}


class Writes(Protocol):
    """Where ours go out."""

    sealer: Sealer

    def emit(self, message: bytes) -> None:
        """Send at once, exchange or not."""


class KeyExchange:
    """
    :ivar agreement: the algorithms in use, or about to be.
    :ivar open: the client may send anything, not only the exchange; asked once a packet.
    :ivar strict: the client asked for ``kex-strict-c-v00@openssh.com`` (OpenSSH PROTOCOL section 1.10).
    :ivar extensions: the client takes EXT_INFO (RFC 8308).
    """

    def __init__(self, writes: Writes, policy: Policy, host_keys: Mapping[bytes, Key], tailored: bool) -> None:
        self.state = Exchange.NONE
        self.open = True
        self.strict = False
        self.extensions = False
        self.session_id: bytes | None = None
        self.agreement: Agreement | None = None
        self.versions = (b"", b"")
        """The client's version line and ours."""
        self._writes = writes
        self._policy = policy
        self._host_keys = host_keys
        self._tailored = tailored
        self._ours = self._theirs = b""
        self._next_opener: Opener | None = None
        self._count = 0

    @property
    def blocked(self) -> bool:
        """Whether we may send nothing but the exchange itself (RFC 4253 section 7.1)."""
        return self.state is not Exchange.NONE and self.state is not Exchange.ANSWERED

    @property
    def idle(self) -> bool:
        """Whether no exchange is under way."""
        return self.state is Exchange.NONE

    @property
    def first(self) -> bool:
        """Whether no exchange has been finished yet."""
        return self._count == 0

    def ask(self) -> None:
        """Send our KEXINIT."""
        self._advance("ask")
        extra = (algorithms.EXT_INFO_SERVER, algorithms.STRICT_SERVER) if self.session_id is None else ()
        self._ours = algorithms.kexinit(self._policy, extra)
        self._writes.emit(self._ours)

    def kexinit(self, message: bytes, received: int, early: bool) -> None:
        """
        The client's KEXINIT.

        :param received: packets under these keys, this one counted.
        :param early: nobody is logged in.
        """
        offer = Offer.parse(message)
        if self.session_id is None:
            self.strict = algorithms.STRICT_CLIENT in offer.kex
            self.extensions = algorithms.EXT_INFO_CLIENT in offer.kex
            if received > FIRST_KEX_PACKETS or (self.strict and received != 1):
                raise ProtocolError("KEXINIT was not the first packet")
        elif early and self._count >= EARLY_EXCHANGES:
            raise ProtocolError("too many key exchanges before login")
        if self.state is Exchange.NONE:
            if self._tailored and self.session_id is None:
                self._policy = algorithms.tailor(self._policy, offer)
            self.ask()
        self._theirs = bytes((Msg.KEXINIT,)) + message
        self.agreement = algorithms.agree(self._policy, offer)
        guessed_wrong = offer.guessed and not algorithms.guess_was_right(self._policy, offer)
        self._advance("agree in spite of a guess" if guessed_wrong else "agree")

    def init(self, message: bytes) -> None:
        """The client's public value: answer it, and change to new keys for what we send; or its wrong guess."""
        if self.state is Exchange.GUESSED:
            self._advance("skip")
            return
        agreement = self.agreement
        if agreement is None:
            raise ProtocolError("no key exchange under way")
        reader = Reader(message)
        client = reader.string(4096)
        reader.end()
        method = METHODS[agreement.kex]
        public, secret = method.respond(client)
        host_key = self._host_keys[agreement.host_key]
        blob: bytes = host_key.public().blob()  # type: ignore[no-untyped-call]
        values = (*self.versions, self._theirs, self._ours, blob, client, public)
        digest = hashlib.new(method.digest, b"".join([string(value) for value in values]) + secret).digest()
        self._theirs = self._ours = b""  # theirs may have 256 KiB
        signature = host_key.sign(digest, signatureType=agreement.host_key)
        if self.session_id is None:
            self.session_id = digest
        self._writes.emit(bytes((Msg.KEX_REPLY,)) + string(blob) + string(public) + string(signature))
        self._change(Keys(method.digest, secret, digest, self.session_id), agreement)
        self._advance("answer")

    def _change(self, keys: Keys, agreement: Agreement) -> None:
        """Send NEWKEYS; keep what reads the client's packets behind its own."""
        writes = self._writes
        writes.emit(bytes((Msg.NEWKEYS,)))
        writes.sealer = algorithms.make_sealer(
            agreement.cipher_out,
            agreement.mac_out,
            keys.derive(b"D"),
            keys.derive(b"B"),
            keys.derive(b"F"),
            0 if self.strict else writes.sealer.sequence,
        )
        self._next_opener = algorithms.make_opener(
            agreement.cipher_in,
            agreement.mac_in,
            keys.derive(b"C"),
            keys.derive(b"A"),
            keys.derive(b"E"),
            0,
        )

    def new_keys(self, message: bytes, received: int) -> Opener:
        """The client's NEWKEYS: what opens its next packet, which is under new keys; *received* as of `kexinit`."""
        opener = self._next_opener
        if message or opener is None:
            raise ProtocolError("NEWKEYS out of place", Reason.KEY_EXCHANGE_FAILED)
        if not self.strict:
            opener.sequence = received
        self._next_opener = None
        if self.first and self.extensions:
            self._say_extensions()
        self._count += 1
        self._advance("new keys")
        return opener

    def _say_extensions(self) -> None:
        """
        Still the packet that follows our first NEWKEYS, as RFC 8308 section 2.4 has it.

        Sent no earlier than this it takes the acknowledgement of the client's NEWKEYS along, for which OpenSSH's
        SERVICE_REQUEST waits (Nagle's algorithm): every login is 40 ms shorter.
        """
        supported = b",".join(algorithms.USER_KEY_ALGORITHMS)
        self._writes.emit(bytes((Msg.EXT_INFO, 0, 0, 0, 1)) + string(b"server-sig-algs") + string(supported))

    def _advance(self, event: str) -> None:
        self.state = _TRANSITIONS[self.state, event]
        self.open = self.state is Exchange.NONE or self.state is Exchange.ASKED
