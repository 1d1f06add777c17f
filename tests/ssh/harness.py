"""
A small SSH client that does exactly what a test says, and a server to say it to, in memory, on one held clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.keys import Key
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp.auth.limits import Admission
from swftp.interfaces import ISubsystem
from swftp.ssh import algorithms
from swftp.ssh.algorithms import COMPAT, Policy
from swftp.ssh.factory import Factory
from swftp.ssh.interfaces import Avatar
from swftp.ssh.kex import METHODS, Keys
from swftp.ssh.openers import PlainOpener
from swftp.ssh.sealers import PlainSealer
from swftp.ssh.settings import Settings
from swftp.ssh.transport import Transport
from swftp.ssh.wire import U32, Msg, Reader, Reason, names, string
from tests.ssh.client_kex import CLIENT_METHODS

HOST_KEY = Key(Ed25519PrivateKey.generate())
USER_KEY = Key(Ed25519PrivateKey.generate())
WINDOW = 1 << 21


@implementer(ISubsystem)
class Recorder:
    """A subsystem that notes what happens to it and, if told to, sends back what it gets."""

    def __init__(self, echo: bool = False, credits: bool = True) -> None:
        self.echo = echo
        self.credits = credits
        self.got = bytearray()
        self.events: list[str] = []
        self.waiting = False

    def connected(self, channel: Any) -> None:
        self.channel = channel
        self.events.append("connected")

    def received(self, pieces: Sequence[memoryview]) -> None:
        for piece in pieces:
            self.got += piece
            if self.echo:
                self.channel.put(piece)
            if self.credits:
                self.channel.credit(len(piece))

    def drained(self) -> None:
        self.events.append("drained")

    def ended(self) -> None:
        self.events.append("ended")

    def lost(self) -> None:
        self.events.append("lost")


@implementer(IRealm)
class Realm:
    """Avatars whose subsystem ``echo`` is the next of `prepared`, or a new echo."""

    def __init__(self) -> None:
        self.prepared: list[Any] = []
        self.made: list[Any] = []
        self.logouts = 0
        self.error: Exception | None = None

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        if self.error is not None:
            raise self.error
        return IConchUser, Avatar({b"echo": self._make}, self._command), self._logout

    def _make(self) -> Any:
        self.made.append(self.prepared.pop(0) if self.prepared else Recorder(echo=True))
        return self.made[-1]

    def _command(self, line: bytes) -> Any:
        return self._make() if line == b"echo" else None

    def _logout(self) -> None:
        self.logouts += 1


class Wire(StringTransport):
    """The server's TCP connection: it may be choked, and says what was done to it."""

    def __init__(self, peer: str) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", peer, 50000))
        self.writes = 0
        self.aborted = False
        self.lost = False

    def write(self, data: bytes) -> None:
        self.writes += 1
        if not self.disconnecting or not self.lost:
            super().write(data)

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


@dataclass
class Server:
    """A factory with all its neighbours."""

    settings: Settings = field(default_factory=lambda: Settings(policy=COMPAT))
    host_keys: tuple[Key, ...] = (HOST_KEY,)
    admission: Admission | None = None
    portal: Portal | None = None

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.realm = Realm()
        if self.portal is None:
            passwords = InMemoryUsernamePasswordDatabaseDontUse(me=b"secret")  # type: ignore[arg-type]
            keys = SSHPublicKeyChecker(InMemorySSHKeyDB({b"me": [USER_KEY.public()]}))
            self.portal = Portal(self.realm, [passwords, keys])
        self.factory = Factory(self.portal, self.host_keys, self.clock, self.settings, self.admission)

    def accept(self, peer: str = "192.0.2.1") -> tuple[Transport, Wire]:
        """A new connection from *peer*."""
        transport, wire = self.factory.buildProtocol(None), Wire(peer)
        transport.makeConnection(wire)
        return transport, wire


class Client:
    """One client; `messages` is what the server sent since `take` was last called."""

    def __init__(self, server: Server, strict: bool = True, peer: str = "192.0.2.1") -> None:
        self.server = server
        self.clock = server.clock
        self.strict = strict
        self.transport, self.wire = server.accept(peer)
        self.opener: Any = PlainOpener()
        self.sealer: Any = PlainSealer()
        self.messages: list[tuple[int, bytes]] = []
        self.session_id: bytes | None = None
        self.server_version = b""
        self.version = b"SSH-2.0-Test"
        self.policy: Policy = COMPAT
        self.answers_rekey = True
        self.extra: tuple[bytes, ...] = ()
        self._buffer = bytearray()
        self._ours = b""
        self._theirs: bytes | None = None
        self._pending: Any = None
        self._rest_of_kex: Any = None
        self._offer: dict[str, Any] = {}
        self._later: list[Callable[[], None]] = []

    # -- bytes ---------------------------------------------------------------------------------------------

    def raw(self, data: bytes) -> None:
        """Give *data* to the server, and hear what it says."""
        self.transport.dataReceived(data)
        self.pump()

    def pump(self) -> None:
        """Take what the server has written."""
        self.clock.advance(0)
        while True:
            data = self.wire.value()
            self.wire.clear()
            if not data:
                return
            self._buffer += data
            self._parse()
            later, self._later = self._later, []
            for step in later:
                step()
            self.clock.advance(0)

    def _parse(self) -> None:
        if not self.server_version:
            line, newline, rest = bytes(self._buffer).partition(b"\r\n")
            if not newline:
                return
            self.server_version = line
            self._buffer = bytearray(rest)
        while self._buffer:
            opener = self.opener
            view = memoryview(bytes(self._buffer))
            done = opener.open(self, view, 0, len(view))
            del self._buffer[:done]
            if opener is self.opener:
                return

    def packet(self, packet: bytes) -> None:
        number, payload = packet[1], packet[2 : len(packet) - packet[0]]
        if number == Msg.KEXINIT:
            self._theirs = bytes((number,)) + payload
            if self._rest_of_kex is None and self.answers_rekey and self.session_id is not None:
                self._later.append(self.start_kex)
        elif number == Msg.KEX_REPLY:
            self._kex_reply(payload)
        elif number == Msg.NEWKEYS:
            self._new_keys()
        self.messages.append((number, payload))

    def data(self, packets: list[bytes]) -> None:
        for packet in packets:
            self.packet(packet)

    def send(self, number: int, payload: bytes = b"") -> None:
        """Send one message."""
        self.raw(self.sealer.seal(bytes((number,)) + payload))

    def take(self, number: int) -> list[bytes]:
        """The payloads of all messages *number* so far; forgets everything so far."""
        found = [payload for kind, payload in self.messages if kind == number]
        self.messages = []
        return found

    def numbers(self) -> list[int]:
        """Numbers of the messages so far."""
        return [number for number, _ in self.messages]

    @property
    def closed(self) -> bool:
        """Whether the server hung up."""
        return bool(self.wire.disconnecting)

    def reason(self) -> tuple[int, bytes]:
        """What the server's DISCONNECT says."""
        (payload,) = self.take(Msg.DISCONNECT)
        reader = Reader(payload)
        return reader.u32(), reader.string()

    def vanish(self) -> None:
        """The TCP connection is gone."""
        self.wire.lost = True
        self.wire.producer = None  # as TCP does
        self.transport.connectionLost(Failure(ConnectionLost()))

    # -- key exchange ----------------------------------------------------------------------------------------

    def kexinit(self, *, kex: Any = None, ciphers: Any = None, macs: Any = None, guessed: bool = False) -> bytes:
        """A KEXINIT of ours, with its number."""
        extra = (b"ext-info-c", *([algorithms.STRICT_CLIENT] if self.strict else []), *self.extra)
        policy = Policy(
            tuple(kex or self.policy.kex),
            self.policy.host_keys,
            tuple(ciphers or self.policy.ciphers),
            self.policy.macs if macs is None else tuple(macs),
        )
        self._ours = algorithms.kexinit(policy, extra)
        if guessed:
            self._ours = self._ours[:-5] + b"\1" + bytes(4)
        return self._ours

    def start_kex(self, **offer: Any) -> None:
        """Send KEXINIT; the rest of the exchange follows by itself."""
        if not self._ours or offer or self.session_id is not None:
            self._offer = offer or self._offer
            message = self.kexinit(**self._offer)
        self._rest_of_kex = True
        self.send(message[0], message[1:])
        self.continue_kex()

    def continue_kex(self) -> None:
        """Both KEXINIT are there: send our public value."""
        if self._theirs is None or self._pending is not None:
            return
        theirs = algorithms.Offer.parse(self._theirs[1:])
        ours = algorithms.Offer.parse(self._ours[1:])
        policy = Policy(tuple(theirs.kex), tuple(theirs.host_keys), tuple(theirs.ciphers_in), tuple(theirs.macs_in))
        self.agreement = algorithms.agree(policy, ours)
        public, self._pending = CLIENT_METHODS[self.agreement.kex]()
        self._public = public
        self.send(Msg.KEX_INIT, string(public))

    def _kex_reply(self, payload: bytes) -> None:
        reader = Reader(payload)
        blob, public, signature = reader.string(), reader.string(), reader.string()
        secret = self._pending(public)
        method = METHODS[self.agreement.kex]
        values = (self.version, self.server_version, self._ours, self._theirs or b"", blob, self._public, public)
        digest = hashlib.new(method.digest, b"".join(string(value) for value in values) + secret).digest()
        if not Key.fromString(blob).verify(signature, digest):
            raise AssertionError("bad host key signature")
        self.session_id = self.session_id or digest
        self._keys = Keys(method.digest, secret, digest, self.session_id)

    def _new_keys(self) -> None:
        agreement, derive = self.agreement, self._keys.derive
        sequence = 0 if self.strict else self.opener.sequence
        self.opener = algorithms.make_opener(
            agreement.cipher_out, agreement.mac_out, derive(b"D"), derive(b"B"), derive(b"F"), sequence
        )
        self._theirs, self._ours, self._pending, self._rest_of_kex = None, b"", None, None
        self._later.append(lambda: self._send_new_keys(agreement, derive))

    def _send_new_keys(self, agreement: Any, derive: Any) -> None:
        newkeys = self.sealer.seal(bytes((Msg.NEWKEYS,)))
        self.sealer = algorithms.make_sealer(
            agreement.cipher_in,
            agreement.mac_in,
            derive(b"C"),
            derive(b"A"),
            derive(b"E"),
            0 if self.strict else self.sealer.sequence,
        )
        self.transport.dataReceived(newkeys)

    # -- the whole way in --------------------------------------------------------------------------------------

    def hello(self, **offer: Any) -> Client:
        """Exchange versions and keys."""
        self.pump()
        self.raw(self.version + b"\r\n")
        self.start_kex(**offer)
        self.continue_kex()
        return self

    def service(self, **offer: Any) -> Client:
        """... and ask for authentication."""
        self.hello(**offer)
        self.send(Msg.SERVICE_REQUEST, string(b"ssh-userauth"))
        return self

    def auth(self, method: bytes, *rest: bytes, user: bytes = b"me") -> None:
        """A login request."""
        self.send(Msg.USERAUTH_REQUEST, string(user) + string(b"ssh-connection") + string(method) + b"".join(rest))

    def login(self, **offer: Any) -> Client:
        """... and log in."""
        self.service(**offer)
        self.auth(b"password", b"\0", string(b"secret"))
        if Msg.USERAUTH_SUCCESS not in self.numbers():
            raise AssertionError(self.messages)
        self.messages = []
        return self

    # -- channels ----------------------------------------------------------------------------------------------

    def open(self, window: int = WINDOW, limit: int = 32768, sender: int = 7) -> int:
        """Open a session channel; its number at the server."""
        self.send(Msg.CHANNEL_OPEN, string(b"session") + U32.pack(sender) + U32.pack(window) + U32.pack(limit))
        (confirmation,) = self.take(Msg.CHANNEL_OPEN_CONFIRMATION)
        return int(U32.unpack_from(confirmation, 4)[0])

    def request(self, channel: int, name: bytes, rest: bytes = b"", reply: bool = True) -> None:
        """A channel request."""
        self.send(Msg.CHANNEL_REQUEST, U32.pack(channel) + string(name) + bytes((reply,)) + rest)

    def subsystem(self, recorder: Any = None, **opening: Any) -> tuple[int, Any]:
        """A channel with *recorder* behind it."""
        if recorder is not None:
            self.server.realm.prepared.append(recorder)
        channel = self.open(**opening)
        self.request(channel, b"subsystem", string(b"echo"))
        if self.numbers() != [Msg.CHANNEL_SUCCESS]:
            raise AssertionError(self.messages)
        self.messages = []
        return channel, self.server.realm.made[-1]

    def write(self, channel: int, data: bytes) -> None:
        """Channel data, in packets of 32 KiB."""
        packets = [self.sealer.seal_data(channel, [data], len(data), 32768)]
        self.raw(b"".join(packets))

    def output(self) -> bytes:
        """All channel data so far; other messages are kept."""
        data = [payload for number, payload in self.messages if number == Msg.CHANNEL_DATA]
        self.messages = [message for message in self.messages if message[0] != Msg.CHANNEL_DATA]
        return b"".join(Reader(payload[4:]).string() for payload in data)


__all__ = ["HOST_KEY", "USER_KEY", "WINDOW", "Client", "Realm", "Reason", "Recorder", "Server", "Wire", "names"]
