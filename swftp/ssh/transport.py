"""
The transport of RFC 4253: framing, the order of phases, and one write a reactor turn.

Bytes come in by `Transport.dataReceived` and go through an opener straight to the handler of their message;
what is sent is sealed at once, collected, and written together.  The hot path is plain calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.internet.interfaces import IDelayedCall, IPushProducer, ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp.ssh import settings as limits
from swftp.ssh.connection import Connection
from swftp.ssh.exchange import KeyExchange
from swftp.ssh.gate import Phase, Verdict, verdict
from swftp.ssh.openers import DiscardOpener, Opener, PlainOpener
from swftp.ssh.sealers import PlainSealer, Sealer
from swftp.ssh.userauth import UserAuth
from swftp.ssh.watch import Watch
from swftp.ssh.wire import U32, Buffer, Msg, ProtocolError, Reader, Reason, string

if TYPE_CHECKING:
    from swftp.ssh.channel import SessionChannel
    from swftp.ssh.factory import Factory

log = Logger()

_DURING_EXCHANGE = frozenset((Msg.DISCONNECT, Msg.IGNORE, Msg.UNIMPLEMENTED, Msg.DEBUG))


@implementer(IPushProducer)
class Transport(SSHServerTransport):
    """
    One client's connection.

    :ivar peer: the client's address as text.
    :ivar heard: seconds of the clock when the client last sent anything.
    """

    factory: Factory
    transport: Any
    service: SSHService | None
    opener: Opener
    sealer: Sealer
    exchange: KeyExchange

    def __init__(self) -> None:
        self.phase = Phase.VERSION
        self.peer = ""
        self.heard = 0.0
        self.choked = False
        """The client's TCP connection takes no more for now."""
        self._rest = bytearray()
        self._out: list[Buffer] = []
        self._dirty: list[SessionChannel] = []
        self._held: list[bytes] = []
        self._unread = 0  # bytes held, or sent while choked
        self._brakes: set[object] = set()
        self._reading = False
        self._late: IDelayedCall | None = None
        self._flushing: IDelayedCall | None = None
        self._aborting: IDelayedCall | None = None
        self._volume = [0, 0]  # bytes in, out since the last change of keys
        self._watch: Watch | None = None
        self._release: Callable[[], None] | None = None
        self._extensions_seen = False

    # -- beginning and end ---------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Let the client in, or turn it away; say our version."""
        settings, clock = self.factory.settings, self.factory.clock
        self.peer = str(getattr(self.transport.getPeer(), "host", ""))
        self.opener, self.sealer = PlainOpener(), PlainSealer()
        self.exchange = KeyExchange(self, settings.policy, self.factory.host_keys, settings.prefer_fast_ciphers)
        place = self.factory.admission.admit(self.peer)
        if place is None:
            self.phase, self.opener = Phase.CLOSED, DiscardOpener()
            self.transport.write(b"Too many connections\r\n")
            self._hang_up()
            return
        self._place = place
        self._tune()
        self.heard = clock.seconds()
        self._watch = Watch(self, clock, self.factory.timer, settings)
        self.ourVersionString = b"SSH-2.0-" + settings.version.encode("ascii")
        self.transport.write(self.ourVersionString + b"\r\n")
        if settings.prefer_fast_ciphers:
            self._late = clock.callLater(limits.TAILOR_WAIT, self._ask_anyway)
        else:
            self.exchange.ask()
            self._flush()

    def _tune(self) -> None:
        tcp = self.transport
        if ITCPTransport.providedBy(self.transport):
            tcp.setTcpNoDelay(True)
            tcp.bufferSize = limits.RECEIVE_SIZE
            tcp.SEND_LIMIT = limits.SEND_SIZE
        tcp.registerProducer(self, True)

    def _ask_anyway(self) -> None:
        """The client waits for our KEXINIT before it sends its own."""
        self._late = None
        self.exchange.ask()
        self.flush()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The TCP connection is gone: so is everything that was open."""
        self.phase = Phase.CLOSED
        self.opener = DiscardOpener()
        for call in (self._late, self._flushing, self._aborting):
            if call is not None and call.active():
                call.cancel()
        self._late = self._flushing = self._aborting = None
        self._out, self._held, self._dirty, self._rest = [], [], [], bytearray()
        if self._watch is not None:
            self._watch.stop()
            self._place.leave()
        service, self.service = self.service, None
        if service is not None:
            self._guard(service.serviceStopped)
        release, self._release = self._release, None
        if release is not None:
            self._guard(release)

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Tell the client why, and hang up."""
        if self.phase is Phase.CLOSED:
            return
        self.emit(bytes((Msg.DISCONNECT,)) + U32.pack(reason) + string(desc) + string(b""))
        pieces, self._out = self._out, []
        self.transport.write(b"".join(pieces))
        self.phase = Phase.CLOSED
        self.opener = DiscardOpener()
        self._hang_up()

    def _hang_up(self) -> None:
        """Close once all is sent, or soon anyway: a client that does not read cannot keep the socket."""
        self._dirty, self._held = [], []
        self.transport.unregisterProducer()
        self._brakes.clear()
        self.transport.resumeProducing()
        self.transport.loseConnection()
        self._aborting = self.factory.clock.callLater(limits.LINGER, self.transport.abortConnection)

    def abort(self) -> None:
        """The client does not answer: do not wait for it."""
        self.transport.abortConnection()

    def loseConnection(self) -> None:
        """Hang up for no fault of the client's."""
        self.sendDisconnect(Reason.BY_APPLICATION, b"closed by server")

    def logged_in(self, avatar: object, logout: Callable[[], None]) -> None:
        """Authentication is over; channels may be opened."""
        self._release = logout
        self.phase = Phase.OPEN
        self._place.settle()
        if self._watch is not None:
            self._watch.logged_in()
        self.setService(Connection(avatar, self.factory.settings))

    def setService(self, service: SSHService) -> None:
        """Start *service*."""
        if self.service is not None:
            self.service.serviceStopped()  # type: ignore[no-untyped-call]
        self.service = service
        service.transport = self
        service.serviceStarted()  # type: ignore[no-untyped-call]

    # -- in --------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Take every whole packet; keep the rest."""
        self.heard = self.factory.clock.seconds()
        self._volume[0] += len(data)
        self._reading = True
        self._guard(self._read, data)
        self._reading = False
        self._guard(self._flush)

    def _guard(self, function: Callable[..., None], *args: Any) -> None:
        """Nothing that a client sends, and no fault of ours, gets past here."""
        try:
            function(*args)
        except ProtocolError as error:
            self.refuse(error)
        except Exception:
            self.broken(Failure())  # type: ignore[no-untyped-call]

    def refuse(self, error: ProtocolError) -> None:
        """The client broke the rules, or ran into a limit."""
        log.info("{peer}: {text}", event="ssh_refused", peer=self.peer, text=error.text, phase=self.phase.value)
        self.sendDisconnect(error.reason, error.text.encode())

    def broken(self, failure: Failure) -> None:
        """A fault of ours: this client's connection ends, nobody else's."""
        log.failure("{peer}: internal error", failure, peer=self.peer)
        self.sendDisconnect(Reason.BY_APPLICATION, b"internal error")

    def _read(self, data: bytes) -> None:
        at = self._version(data) if self.phase is Phase.VERSION else 0
        rest = self._rest
        while rest:
            missing = self.opener.need - len(rest)
            rest += memoryview(data)[at : at + missing]
            at += missing
            if at > len(data):
                return
            if self._open(memoryview(rest), 0, len(rest)):
                rest = self._rest = bytearray()
        if at < len(data):
            view = memoryview(data)
            done = self._open(view, at, len(data))
            if done < len(data):
                self._rest = bytearray(view[done:])

    def _open(self, view: memoryview, at: int, end: int) -> int:
        while True:
            opener = self.opener
            at = opener.open(self, view, at, end)
            if opener is self.opener:
                return at

    def _version(self, data: bytes) -> int:
        """Where in *data* the packets begin (RFC 4253 section 4.2)."""
        line = self._rest
        before = len(line)
        line += data[: limits.VERSION_LIMIT + 1 - before]
        end = line.find(b"\n")
        if end < 0:
            if len(line) > limits.VERSION_LIMIT:
                raise ProtocolError("version line too long", Reason.PROTOCOL_VERSION_NOT_SUPPORTED)
            return len(data)
        version = bytes(line[:end]).rstrip(b"\r")
        if not version.startswith((b"SSH-2.0-", b"SSH-1.99-")) or b"\0" in version:
            raise ProtocolError("not an SSH 2.0 client", Reason.PROTOCOL_VERSION_NOT_SUPPORTED)
        self.otherVersionString = version
        self.gotVersion = True
        self.exchange.versions = (version, self.ourVersionString)
        self.phase = Phase.FIRST_KEX
        self._rest = bytearray()
        return end + 1 - before

    def data(self, packet: bytes) -> None:
        """CHANNEL_DATA, decrypted: padding length, payload, padding."""
        if self.phase is Phase.OPEN and self.exchange.open:
            self.service.channel_data(packet)  # type: ignore[union-attr]
        else:
            self.packet(packet)

    def packet(self, packet: bytes) -> None:
        """Any packet, decrypted: padding length, payload, padding."""
        padding = packet[0]
        end = len(packet) - padding
        if padding < 4 or end < 2:
            raise ProtocolError("bad padding")
        number = packet[1]
        answer = verdict(self.phase, self.exchange.state, number, self.exchange.strict)
        if answer is Verdict.PASS:
            self.dispatchMessage(number, packet[2:end])
        elif answer is Verdict.UNKNOWN:
            self.emit_or_hold(bytes((Msg.UNIMPLEMENTED,)) + U32.pack((self.opener.sequence - 1) & 0xFFFFFFFF))
        elif answer is Verdict.REFUSE:
            raise ProtocolError(f"message {number} not allowed now")

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        """Only messages that the gate let pass come here."""
        handler = _HANDLERS.get(messageNum)
        if handler is not None:
            handler(self, payload)
        elif self.service is not None:
            self.service.packetReceived(messageNum, payload)  # type: ignore[no-untyped-call]

    # -- messages of the transport itself --------------------------------------------------------------

    def _disconnect(self, payload: bytes) -> None:
        reader = Reader(payload)
        code, text = reader.u32(), reader.string()
        log.debug("{peer} disconnects: {code} {text!r}", peer=self.peer, code=code, text=text[:200])
        self.phase, self.opener = Phase.CLOSED, DiscardOpener()
        self._out = []
        self._hang_up()

    def _ignore(self, payload: bytes) -> None:
        """IGNORE, DEBUG and UNIMPLEMENTED ask for nothing; before the keys are made, only so many of them."""
        if self.exchange.first and self.opener.sequence > limits.FIRST_KEX_PACKETS:
            raise ProtocolError("too many packets before key exchange")

    def _ext_info(self, payload: bytes) -> None:
        """What the client supports (RFC 8308): nothing that we need, but it must parse."""
        if self._extensions_seen:
            raise ProtocolError("EXT_INFO again")
        self._extensions_seen = True
        reader = Reader(payload)
        count = reader.u32()
        if count > 64:
            raise ProtocolError("too many extensions")
        for _ in range(count):
            reader.string(), reader.string()
        reader.end()

    def _kexinit(self, payload: bytes) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self.exchange.kexinit(payload, early=self.phase is not Phase.OPEN)

    def _kex_init(self, payload: bytes) -> None:
        self.exchange.init(payload)
        if not self.exchange.blocked:
            held, self._held = self._held, []
            for message in held:
                self.emit(message)
            self._wake_channels()

    def _new_keys(self, payload: bytes) -> None:
        self.exchange.new_keys(payload)
        self._volume = [0, 0]
        if self._watch is not None:
            self._watch.new_keys()
        if self.phase is Phase.FIRST_KEX:
            self.phase = Phase.SERVICE

    def _service_request(self, payload: bytes) -> None:
        reader = Reader(payload)
        name = reader.string(64)
        reader.end()
        if name != UserAuth.name:
            raise ProtocolError("no such service", Reason.SERVICE_NOT_AVAILABLE)
        self.sendPacket(Msg.SERVICE_ACCEPT, string(name))
        if self.phase is Phase.SERVICE:  # asking again resets nothing
            self.phase = Phase.AUTH
            self.setService(UserAuth(self.factory.portal, self.factory.clock, self.factory.settings))

    # -- out -------------------------------------------------------------------------------------------

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        """Send one message, after the key exchange if one is under way."""
        if messageType in _DURING_EXCHANGE:
            self.emit(bytes((messageType,)) + payload)
        else:
            self.emit_or_hold(bytes((messageType,)) + payload)

    def emit_or_hold(self, message: bytes) -> None:
        """Send *message* (with its number), after the key exchange if one is under way."""
        if not self.exchange.blocked:
            self.emit(message)
        elif self.phase is not Phase.CLOSED:
            self._held.append(message)
            self._brake_on(len(message))

    def emit(self, payload: bytes) -> None:
        """Seal one message; it leaves with all else of this turn."""
        if self.phase is Phase.CLOSED:
            return
        sealed = self.sealer.seal(payload)
        self._out.append(sealed)
        if self.choked:
            self._brake_on(len(sealed))
        self._schedule()

    def emit_data(self, channel: int, parts: list[Buffer], total: int, limit: int) -> None:
        """Seal *total* bytes of channel output."""
        self._out.append(self.sealer.seal_data(channel, parts, total, limit))

    @property
    def may_send_data(self) -> bool:
        """Whether channel output may be sealed now."""
        return not self.choked and self.phase is Phase.OPEN and not self.exchange.blocked

    def mark(self, channel: SessionChannel) -> None:
        """*channel* has something to flush."""
        self._dirty.append(channel)
        self._schedule()

    def _wake_channels(self) -> None:
        if isinstance(self.service, Connection):
            self.service.wake()

    def _schedule(self) -> None:
        if not self._reading and self._flushing is None and self.phase is not Phase.CLOSED:
            self._flushing = self.factory.clock.callLater(0, self.flush)

    def flush(self) -> None:
        """Seal what channels have, and write it."""
        if self._flushing is not None and self._flushing.active():
            self._flushing.cancel()
        self._flushing = None
        self._reading = True  # what comes up now is written by the loop below
        self._guard(self._flush)
        self._reading = False

    def _flush(self) -> None:
        while self.phase is not Phase.CLOSED:
            dirty, self._dirty = self._dirty, []
            for channel in dirty:
                channel.flush()
            if not self._out:
                if not self._dirty:
                    return
                continue
            pieces, self._out = self._out, []
            self._volume[1] += sum([len(piece) for piece in pieces])
            self.transport.write(b"".join(pieces))
            if max(self._volume) > self.factory.settings.rekey_bytes > 0:
                self.rekey()

    def rekey(self) -> None:
        """Ask for new keys, unless somebody already does."""
        if self.phase is Phase.OPEN and self.exchange.open and not self.exchange.blocked:
            self.exchange.ask()

    # -- back-pressure ---------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The TCP connection has enough."""
        self.choked = True

    def resumeProducing(self) -> None:
        """The TCP connection takes more."""
        self.choked = False
        self._unread = 0
        self.release_reading(self)
        self._wake_channels()
        self.flush()

    def stopProducing(self) -> None:
        """The TCP connection is gone; `connectionLost` says so too."""
        self.choked = True

    def _brake_on(self, count: int) -> None:
        """Read no more from a client that makes us answer but does not read the answers."""
        self._unread += count
        if self._unread > limits.HELD_LIMIT:
            if self.exchange.blocked:
                self.refuse(ProtocolError("too many requests during key exchange"))
            else:
                self.hold_reading(self)

    def hold_reading(self, who: object) -> None:
        """Read nothing from the client until *who* and everybody else lets go."""
        if self.phase is Phase.CLOSED:
            return
        if not self._brakes:
            self.transport.pauseProducing()
        self._brakes.add(who)

    def release_reading(self, who: object) -> None:
        """Undo `hold_reading` of *who*."""
        if who in self._brakes:
            self._brakes.discard(who)
            if not self._brakes and self.phase is not Phase.CLOSED:
                self.transport.resumeProducing()


_HANDLERS: dict[int, Callable[[Transport, bytes], None]] = {
    Msg.DISCONNECT: Transport._disconnect,
    Msg.IGNORE: Transport._ignore,
    Msg.UNIMPLEMENTED: Transport._ignore,
    Msg.DEBUG: Transport._ignore,
    Msg.EXT_INFO: Transport._ext_info,
    Msg.SERVICE_REQUEST: Transport._service_request,
    Msg.KEXINIT: Transport._kexinit,
    Msg.KEX_INIT: Transport._kex_init,
    Msg.NEWKEYS: Transport._new_keys,
}
