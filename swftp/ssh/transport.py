"""
One client's connection (RFC 4253): its phases, and the way of every byte that comes in.

Bytes go through an opener straight to the handler of their message, past the gate; nothing on the hot path is more
than a plain call.
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

from swftp import sockets
from swftp.auth.limits import Place
from swftp.auth.throttle import Offence
from swftp.ssh import settings as limits
from swftp.ssh.connection import Connection
from swftp.ssh.exchange import KeyExchange
from swftp.ssh.gate import METHOD, Phase, Verdict, verdict
from swftp.ssh.openers import DiscardOpener, Opener, PlainOpener
from swftp.ssh.outbox import Outbox
from swftp.ssh.userauth import UserAuth
from swftp.ssh.watch import Watch
from swftp.ssh.wire import U32, Msg, ProtocolError, Reader, Reason, string

if TYPE_CHECKING:
    from swftp.ssh.factory import Factory

log = Logger()


@implementer(IPushProducer)
class Transport(SSHServerTransport):
    """See the module.  ``peer`` is the client's address as text, ``heard`` the time when it last sent anything."""

    factory: Factory
    transport: Any
    service: SSHService | None
    outbox: Outbox
    exchange: KeyExchange
    opener: Opener

    def __init__(self) -> None:
        self.phase = Phase.VERSION
        self.peer = ""
        self.heard = 0.0
        self.connection: Connection | None = None
        self._rest = bytearray()
        self._volume = 0  # bytes received since the last change of keys
        self._held = False  # we read nothing from the client
        self.place: Place | None = None
        self._watch: Watch | None = None
        self._late: IDelayedCall | None = None
        self._aborting: IDelayedCall | None = None
        self._logout: Callable[[], None] | None = None
        self._extensions_seen = False

    def connectionMade(self) -> None:
        """Let the client in, or turn it away; say our version."""
        settings, clock = self.factory.settings, self.factory.clock
        self.peer = str(getattr(self.transport.getPeer(), "host", ""))
        self.opener, self.outbox = PlainOpener(), Outbox(self, clock)
        host_keys = self.factory.host_keys
        self.exchange = KeyExchange(self.outbox, settings.policy, host_keys, settings.prefer_fast_ciphers)
        self.place = self.factory.admission.admit(self.peer)
        if self.place is None:
            log.info("{peer}: too many connections", event="ssh_turned_away", peer=self.peer)
            self._hang_up(b"Too many connections\r\n")
            return
        tcp = self.transport
        if ITCPTransport.providedBy(tcp):
            tcp.setTcpKeepAlive(True)
            sockets.tune(tcp, limits.RECEIVE_SIZE)
        tcp.registerProducer(self, True)
        self.heard = clock.seconds()
        self._watch = Watch(self, clock, self.factory.timer, settings)
        self.ourVersionString = b"SSH-2.0-" + settings.version.encode("ascii")
        self.transport.write(self.ourVersionString + b"\r\n")
        if settings.prefer_fast_ciphers:
            self._late = clock.callLater(limits.TAILOR_WAIT, self._ask_anyway)
        else:
            self.exchange.ask()

    def _ask_anyway(self) -> None:
        """The client waits for our KEXINIT before it sends its own."""
        self._late = None
        self.exchange.ask()

    def logged_in(self, avatar: object, logout: Callable[[], None]) -> None:
        """Channels may be opened.  *logout* is called when the client is gone: at once if it did not wait."""
        if self.phase is not Phase.AUTH:
            logout()
            return
        self._logout = logout
        self.phase = Phase.OPEN
        version, agreed = self.otherVersionString, str(self.exchange.agreement)
        log.info("{peer}: {version!r}, {agreed}", event="ssh_session", peer=self.peer, version=version, agreed=agreed)
        if self.place is not None and self._watch is not None:
            self.place.settle()
            self._watch.logged_in()
        self.connection = Connection(avatar, self.factory.windows)
        self.setService(self.connection)

    def setService(self, service: SSHService) -> None:
        """Start *service*."""
        if self.service is not None:
            self.service.serviceStopped()  # type: ignore[no-untyped-call]
        self.service = service
        service.transport = self
        service.serviceStarted()  # type: ignore[no-untyped-call]

    def refuse(self, error: ProtocolError) -> None:
        """The client broke the rules, or ran into a limit."""
        log.info("{peer}: {text}", event="ssh_refused", peer=self.peer, text=error.text, phase=self.phase.value)
        if self.place is not None:
            self.place.blame(error.offence)
        self.sendDisconnect(error.reason, error.text.encode())

    def failed(self, failure: Failure) -> None:
        """A fault of the client's, or else of ours: this connection ends, and no other."""
        if isinstance(failure.value, ProtocolError):
            self.refuse(failure.value)
            return
        log.failure("{peer}: internal error", failure, peer=self.peer)
        self.sendDisconnect(Reason.BY_APPLICATION, b"internal error")

    def loseConnection(self) -> None:
        """Hang up for no fault of the client's."""
        self.sendDisconnect(Reason.BY_APPLICATION, b"closed by server")

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Tell the client why, and hang up."""
        if self.phase is Phase.VERSION:
            self._hang_up(desc + b"\r\n")
        elif self.phase is not Phase.CLOSED:
            self.outbox.emit(bytes((Msg.DISCONNECT,)) + U32.pack(reason) + string(desc) + string(b""))
            self.outbox.write()
            self._hang_up()

    def _hang_up(self, last_words: bytes = b"") -> None:
        """Close once all is sent, or soon anyway: a client that does not read cannot keep the socket."""
        self.phase, self.opener = Phase.CLOSED, DiscardOpener()
        self.outbox.close()
        if self.place is not None:
            self.transport.unregisterProducer()
        self._release_reading()
        if last_words:
            self.transport.write(last_words)
        self.transport.loseConnection()
        self._aborting = self.factory.clock.callLater(limits.LINGER, self.abort)

    def abort(self) -> None:
        """Close without waiting for the client."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The TCP connection is gone: so is everything that was open."""
        self.phase, self.opener = Phase.CLOSED, DiscardOpener()
        self.outbox.close()
        self._held = False
        for call in (self._late, self._aborting):
            if call is not None and call.active():
                call.cancel()
        if self._watch is not None:
            self._watch.stop()
        if self.place is not None:
            self.place.leave(Offence.NO_LOGIN if self.gotVersion else None)
        service, logout = self.service, self._logout
        self.service = self.connection = self._logout = None
        if service is not None:
            self._guard(service.serviceStopped)
        if logout is not None:
            self._guard(logout)

    # -- in ------------------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Take every whole packet; keep the rest."""
        self.heard = self.factory.clock.seconds()
        self._volume += len(data)
        self.outbox.turn()
        self._guard(self._read, data)
        self.flush()

    def _guard(self, function: Callable[..., None], *args: Any) -> None:
        """Nothing that a client sends, and no fault of ours, gets past here."""
        try:
            function(*args)
        except Exception:
            self.failed(Failure())  # type: ignore[no-untyped-call]

    def flush(self) -> None:
        """Write what is to be sent; ask for new keys when these have seen enough."""
        self._guard(self.outbox.flush)
        if max(self._volume, self.outbox.volume) > self.factory.settings.rekey_bytes > 0:
            self.rekey()

    def _read(self, data: bytes) -> None:
        at = 0
        if self.phase is Phase.VERSION:
            at = self._version(data)
            if not at:
                return
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
        """Where in *data* the packets begin; 0: the version is not complete (RFC 4253 section 4.2)."""
        line = self._rest
        before = len(line)
        line += data[: limits.VERSION_LIMIT - before]
        end = line.find(b"\n")
        if end < 0:
            if len(line) >= limits.VERSION_LIMIT:
                raise ProtocolError("version line too long", Reason.PROTOCOL_VERSION_NOT_SUPPORTED)
            return 0
        version = bytes(line[:end]).rstrip(b"\r")
        if not version.startswith((b"SSH-2.0-", b"SSH-1.99-")) or b"\0" in version:
            raise ProtocolError("not an SSH 2.0 client", Reason.PROTOCOL_VERSION_NOT_SUPPORTED)
        self.otherVersionString = version
        self.gotVersion = True
        self.exchange.versions = (version, self.ourVersionString)
        self.phase = Phase.FIRST_KEX
        self._rest = bytearray()
        return end + 1 - before

    def data(self, packets: list[bytes]) -> None:
        """CHANNEL_DATA, decrypted: padding length, payload, padding of each."""
        if self.connection is not None and self.exchange.open and self.phase is Phase.OPEN:
            self.connection.channel_data(packets)
        else:
            for packet in packets:
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
            self.sendPacket(Msg.UNIMPLEMENTED, U32.pack((self.opener.sequence - 1) & 0xFFFFFFFF))
        elif answer is Verdict.REFUSE:
            raise ProtocolError(f"message {number} not allowed now")

    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        """Only messages that the gate let pass come here."""
        handler = _HANDLERS.get(messageNum)
        if handler is not None:
            handler(self, payload)
        elif self.service is not None:
            self.service.packetReceived(messageNum, payload)  # type: ignore[no-untyped-call]

    # -- messages of the transport itself ------------------------------------------------------------------------

    def _disconnect(self, payload: bytes) -> None:
        reader = Reader(payload)
        code, text = reader.u32(), reader.string()
        log.debug("{peer} disconnects: {code} {text!r}", peer=self.peer, code=code, text=text[:200])
        self._hang_up()

    def _ignore(self, payload: bytes) -> None:
        """IGNORE, DEBUG and UNIMPLEMENTED ask for nothing; before the keys are made, only so many of them."""
        if self.exchange.first and self.opener.sequence > limits.FIRST_KEX_PACKETS:
            raise ProtocolError("too many packets before key exchange")

    def _ext_info(self, payload: bytes) -> None:
        """What the client supports (RFC 8308): nothing that we need, but it must parse, and comes once."""
        reader = Reader(payload)
        count = reader.u32()
        if self._extensions_seen or count > limits.EXTENSIONS:
            raise ProtocolError("too many extensions")
        self._extensions_seen = True
        for _ in range(count):
            reader.string(), reader.string()
        reader.end()

    def _kexinit(self, payload: bytes) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self.exchange.kexinit(payload, self.opener.sequence, early=self.phase is not Phase.OPEN)

    def _kex_init(self, payload: bytes) -> None:
        self.exchange.init(payload)
        if not self.exchange.blocked:
            self.outbox.volume = 0
            self.outbox.release()
            if self.connection is not None:
                self.connection.wake()

    def _new_keys(self, payload: bytes) -> None:
        self.opener = self.exchange.new_keys(payload, self.opener.sequence)
        self._volume = 0
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

    def sendPacket(self, messageType: int, payload: bytes) -> None:
        """Send one message, after the key exchange if one is under way."""
        self.outbox.send(bytes((messageType,)) + payload)

    def rekey(self) -> None:
        """Ask for new keys, unless somebody already does."""
        if self.phase is Phase.OPEN and self.exchange.idle:
            self.exchange.ask()

    def pauseProducing(self) -> None:
        """The TCP connection has enough."""
        self.outbox.choked = True

    def resumeProducing(self) -> None:
        """The TCP connection takes more."""
        self.outbox.unchoke()
        self._release_reading()
        if self.connection is not None:
            self.connection.wake()
        self.flush()

    def stopProducing(self) -> None:
        """The TCP connection is gone; `connectionLost` says so too."""
        self.outbox.choked = True

    def hold_reading(self) -> None:
        """Read nothing from the client until it takes what it has asked for."""
        if self.phase is not Phase.CLOSED and not self._held:
            self._held = True
            self.transport.pauseProducing()

    def _release_reading(self) -> None:
        if self._held:
            self._held = False
            self.transport.resumeProducing()


_HANDLERS: dict[int, Callable[[Transport, bytes], None]] = {
    Msg.DISCONNECT: Transport._disconnect,
    Msg.IGNORE: Transport._ignore,
    Msg.UNIMPLEMENTED: Transport._ignore,
    Msg.DEBUG: Transport._ignore,
    Msg.EXT_INFO: Transport._ext_info,
    Msg.SERVICE_REQUEST: Transport._service_request,
    Msg.KEXINIT: Transport._kexinit,
    **dict.fromkeys(METHOD, Transport._kex_init),
    Msg.NEWKEYS: Transport._new_keys,
}
