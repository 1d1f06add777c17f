"""
What one connection sends: sealed in order, collected, and written once a reactor turn.

Messages are sealed when they are sent; channel output waits in its channel until `flush` asks for it, so that it
stays there while the client's window, its TCP connection or a key exchange is in the way.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from swftp import sockets
from swftp.ssh.exchange import KeyExchange
from swftp.ssh.sealers import PlainSealer, Sealer
from swftp.ssh.settings import HELD_LIMIT, HELD_OVERHEAD
from swftp.ssh.wire import Buffer, Msg, ProtocolError

_DURING_EXCHANGE = frozenset((Msg.DISCONNECT, Msg.IGNORE, Msg.UNIMPLEMENTED, Msg.DEBUG))


class Flushable(Protocol):
    """A channel."""

    def flush(self) -> None:
        """Give the outbox what may be sent now."""


class Owner(Protocol):
    """The connection."""

    exchange: KeyExchange
    transport: Any

    def flush(self) -> None:
        """Call `Outbox.flush`."""

    def refuse(self, error: ProtocolError) -> None:
        """The client broke the rules."""

    def hold_reading(self) -> None:
        """Read nothing from the client."""


class Outbox:
    """
    :ivar choked: the client's TCP connection takes no more for now.
    :ivar volume: bytes written since whoever reads it last set it to 0.
    """

    def __init__(self, owner: Owner, clock: IReactorTime) -> None:
        self.sealer: Sealer = PlainSealer()
        self.choked = False
        self.volume = 0
        self._owner: Owner | None = owner  # None: nothing goes out any more
        self._clock = clock
        self._sealed: list[bytes | bytearray] = []
        self._dirty: list[Flushable] = []
        self._held: list[bytes] = []
        self._unread = 0  # bytes held, or sent while choked
        self._in_turn = False  # somebody will flush before this turn ends
        self._flushing: IDelayedCall | None = None

    # -- messages ------------------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Send *message* (number and payload), after the key exchange if one is under way (RFC 4253 section 7.1)."""
        owner = self._owner
        if owner is None:
            return
        if not owner.exchange.blocked or message[0] in _DURING_EXCHANGE:
            self.emit(message)
        else:
            self._held.append(message)
            self._unread += len(message) + HELD_OVERHEAD
            if self._unread > HELD_LIMIT:
                owner.refuse(ProtocolError("too many requests during key exchange"))

    def emit(self, message: bytes) -> None:
        """Send *message*, key exchange or not."""
        if self._owner is None:
            return
        sealed = self.sealer.seal(message)
        self._sealed.append(sealed)
        if self.choked:
            self._unread += len(sealed) + HELD_OVERHEAD
            if self._unread > HELD_LIMIT:  # it makes us answer, and does not read the answers
                self._owner.hold_reading()
        self._schedule()

    def release(self) -> None:
        """The exchange is over on our side: send what was held."""
        held, self._held = self._held, []
        self._unread = 0
        for message in held:
            self.emit(message)

    def unchoke(self) -> None:
        """The TCP connection takes more."""
        self.choked = False
        self._unread = 0

    # -- channel output ----------------------------------------------------------------------------------------

    @property
    def takes_data(self) -> bool:
        """Whether channel output may be sealed now."""
        owner = self._owner
        return owner is not None and not self.choked and not owner.exchange.blocked

    def emit_data(self, channel: int, parts: list[Buffer], total: int, limit: int) -> None:
        """Seal the *total* bytes of *parts*; only from ``flush`` of a channel."""
        self._sealed.append(self.sealer.seal_data(channel, parts, total, limit))

    def mark(self, channel: Flushable) -> None:
        """*channel* has something to flush."""
        if self._owner is not None:
            self._dirty.append(channel)
            self._schedule()

    # -- turns -----------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """From here on, and until `flush`, nobody else needs to ask for a flush."""
        self._in_turn = True

    def _schedule(self) -> None:
        if not self._in_turn and self._flushing is None and self._owner is not None:
            self._flushing = self._clock.callLater(0, self._flush_late)

    def _flush_late(self) -> None:
        self._flushing = None
        if self._owner is not None:
            self._owner.flush()

    def hurry(self) -> None:
        """Flush now, unless somebody is about to: who waited for the store need not wait for the end of our turn."""
        if not self._in_turn and self._owner is not None:
            self._owner.flush()

    def flush(self) -> None:
        """Seal what channels may send, and write everything; channels may produce more while it goes."""
        self._in_turn = True
        try:
            while self._dirty or self._sealed:
                dirty, self._dirty = self._dirty, []
                for channel in dirty:
                    channel.flush()
                self.write()
        finally:
            self._in_turn = False

    def write(self) -> None:
        """Write what is sealed."""
        sealed, self._sealed = self._sealed, []
        if sealed and self._owner is not None:
            data = sealed[0] if len(sealed) == 1 else b"".join(sealed)
            self.volume += len(data)
            sockets.write(self._owner.transport, data)

    def close(self) -> None:
        """Nothing goes out any more, and the connection is let go."""
        self._owner = None
        self._sealed, self._dirty, self._held = [], [], []
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
