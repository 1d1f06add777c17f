"""
The ssh-userauth service (RFC 4252, RFC 4256): one login attempt at a time, and only so many.

To the client, every refused attempt looks and lasts the same, whatever was wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from twisted.conch.error import ValidPublicKey
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.service import SSHService
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp.auth.attempts import ATTEMPTS, PASSWORD_LIMIT, USER_LIMIT, Verdict, judge, wait_out
from swftp.auth.checkers import PasswordOf
from swftp.auth.key_checker import KeyOf
from swftp.ssh.algorithms import RSA_MINIMUM, USER_KEY_ALGORITHMS
from swftp.ssh.settings import Settings
from swftp.ssh.wire import Msg, ProtocolError, Reader, Reason, names, string

if TYPE_CHECKING:
    from swftp.ssh.transport import Transport

log = Logger()

REQUEST_SIZE = 32 << 10
"""Bytes of one request: the largest payload that everybody must take (RFC 4253 section 6.1); ours wait in a queue."""
QUEUE_LIMIT = 8
"""Requests that wait for the one under way (RFC 4252 section 5.1 allows to send them ahead)."""


class Attempt(Enum):
    """What is under way."""

    NONE = "none"
    CHECKING = "a request is being checked"
    PROMPTED = "the client was asked for its password"
    DONE = "logged in, or given up"


class _Refused(UnauthorizedLogin):
    """The request fails; the client is told nothing but that."""


class UserAuth(SSHService):
    """Authentication of one client; its state lives as long as the connection."""

    name = b"ssh-userauth"
    transport: Transport

    def __init__(self, portal: Portal, clock: IReactorTime, settings: Settings) -> None:
        self._portal = portal
        self._clock = clock
        self._settings = settings
        self._attempt = Attempt.NONE
        self._queue: deque[bytes] = deque()
        self._user = b""
        self._requests = self._failures = 0
        self._delayed: Deferred[None] | None = None
        self._checking: Deferred[Any] | None = None
        offered = portal.listCredentialsInterfaces()
        self._methods = []
        if ISSHPrivateKey in offered:
            self._methods.append(b"publickey")
        if IUsernamePassword in offered:
            self._methods += [b"password", b"keyboard-interactive"]

    def serviceStarted(self) -> None:
        """Show the banner, before anything else (RFC 4252 section 5.4)."""
        if self._settings.banner:
            self._say(self._settings.banner)

    def serviceStopped(self) -> None:
        """Logged in, or the client is gone."""
        self._attempt = Attempt.DONE
        self._queue.clear()
        for begun in (self._checking, self._delayed):
            if begun is not None:
                begun.cancel()  # nothing, if it is over
        self._checking = self._delayed = None

    # -- messages ------------------------------------------------------------------------------------------

    def packetReceived(self, messageNum: int, packet: bytes) -> None:
        """The gate lets but two through."""
        if messageNum == Msg.USERAUTH_REQUEST:
            self._request(packet)
        elif messageNum == Msg.USERAUTH_INFO_RESPONSE:
            self._response(packet)

    def _request(self, packet: bytes) -> None:
        if len(packet) > REQUEST_SIZE:
            raise ProtocolError("login request too long")
        if self._attempt is Attempt.PROMPTED:
            self._attempt = Attempt.NONE  # a new request gives up the old one (RFC 4256 section 3.1)
        if self._attempt is Attempt.CHECKING:
            if len(self._queue) >= QUEUE_LIMIT:
                raise ProtocolError("too many login requests at once")
            self._queue.append(packet)
        elif self._attempt is Attempt.NONE:
            self._requests += 1
            if self._requests > ATTEMPTS:
                raise ProtocolError("too many login requests", Reason.NO_MORE_AUTH_METHODS_AVAILABLE)
            self._begin(packet)

    def _begin(self, packet: bytes) -> None:
        reader = Reader(packet)
        self._user = reader.string(USER_LIMIT)
        service, method = reader.string(64), reader.string(64)
        if service != b"ssh-connection":
            raise ProtocolError("no such service", Reason.SERVICE_NOT_AVAILABLE)
        if method == b"password" and method in self._methods:
            change = reader.flag()
            password = reader.string()
            self._check(self._password(password, refuse=change), counts=True)
        elif method == b"keyboard-interactive" and method in self._methods:
            reader.string(), reader.string(1024)  # language, submethods: hints at most
            reader.end()
            self._prompt()
        elif method == b"publickey" and method in self._methods:
            signed = reader.flag()
            self._check(self._public_key(reader, signed), counts=signed)
        else:
            self._fail(counts=method != b"none")

    def _prompt(self) -> None:
        self._attempt = Attempt.PROMPTED
        one_prompt = b"\0\0\0\1" + string(b"Password: ") + b"\0"
        self.transport.sendPacket(Msg.USERAUTH_REPLY, string(b"") * 3 + one_prompt)
        if self._queue:  # sent ahead, and by that gives up this one (RFC 4252 section 5.1)
            self._next()

    def _response(self, packet: bytes) -> None:
        if self._attempt is not Attempt.PROMPTED:
            raise ProtocolError("answer to no question")
        reader = Reader(packet)
        answers = [reader.string() for _ in range(min(reader.u32(), 2))]
        if len(answers) == 1:
            reader.end()
        self._check(self._password(answers[0] if answers else b"", refuse=len(answers) != 1), counts=True)

    # -- methods -------------------------------------------------------------------------------------------

    async def _password(self, password: bytes, refuse: bool) -> Any:
        """:param refuse: something else than a plain login is wanted, such as a change of the password."""
        if refuse or len(password) > PASSWORD_LIMIT:
            raise _Refused
        return await self._login(PasswordOf(self._user, password, self.transport.peer))

    async def _public_key(self, reader: Reader, signed: bool) -> Any:
        algorithm, blob = reader.string(64), reader.string(16384)
        signature = reader.string(16384) if signed else None
        reader.end()
        key = _acceptable(algorithm, blob)
        if key is None:
            raise _Refused
        message = None
        if signature is not None:
            if _algorithm_of(signature) != algorithm:
                raise _Refused
            message = self._signed_message(algorithm, blob)
            if key.isSecurityKey():  # type: ignore[no-untyped-call]
                message = _as_security_key_signs(key, signature, message)
        try:
            return await self._login(KeyOf(self._user, algorithm, blob, message, signature, self.transport.peer))
        except ValidPublicKey:
            return algorithm, blob

    def _signed_message(self, algorithm: bytes, blob: bytes) -> bytes:
        """What a signature is of (RFC 4252 section 7)."""
        session = self.transport.exchange.session_id or b""
        fields = (self._user, b"ssh-connection", b"publickey")
        head = string(session) + bytes((Msg.USERAUTH_REQUEST,)) + b"".join([string(field) for field in fields])
        return head + b"\1" + string(algorithm) + string(blob)

    async def _login(self, credentials: Any) -> Any:
        return await self._portal.login(credentials, None, IConchUser)

    # -- outcomes ------------------------------------------------------------------------------------------

    def _check(self, method: Coroutine[Any, Any, Any], counts: bool) -> None:
        """:param counts: a failure is one of the client's, and keeps it waiting; merely asking about a key is not."""
        self._attempt = Attempt.CHECKING
        started = self._clock.seconds()
        checked: Deferred[Any] = Deferred.fromCoroutine(method)
        self._checking = checked
        checked.addCallbacks(self._granted, self._refused, errbackArgs=(counts, started))
        checked.addErrback(lambda failure: self.transport.failed(failure))

    def _granted(self, result: Any) -> None:
        if len(result) == 2:
            if self._attempt is Attempt.CHECKING:
                algorithm, blob = result
                self.transport.sendPacket(Msg.USERAUTH_REPLY, string(algorithm) + string(blob))
                self._next()
            return
        _, avatar, logout = result
        self._attempt = Attempt.DONE
        self.transport.sendPacket(Msg.USERAUTH_SUCCESS, b"")
        self.transport.logged_in(avatar, logout)

    def _refused(self, failure: Any, counts: bool, started: float) -> None:
        error = failure.value
        if self._attempt is not Attempt.CHECKING:
            failure.cleanFailure()  # given up: some of its frames have it
            return
        if isinstance(error, ProtocolError):
            raise error
        verdict = judge(error)
        if verdict is Verdict.BUSY:
            self._attempt = Attempt.DONE
            raise ProtocolError("too many sessions", Reason.TOO_MANY_CONNECTIONS)
        down = verdict is Verdict.DOWN
        if down:
            self._say("Login is not possible at the moment, please try again later.\r\n")
        elif verdict is Verdict.BROKEN:
            log.failure("{peer}: login failed with an internal error", failure, peer=self.transport.peer)
        error.__traceback__ = None  # its frames have the secret, and some of them the error
        self._delayed = wait_out(self._clock, started, self._settings.failure_delay if counts else 0.0)
        self._delayed.addCallbacks(lambda _: self._fail(counts and not down), lambda _: None)
        self._delayed.addErrback(lambda failure: self.transport.failed(failure))

    def _fail(self, counts: bool) -> None:
        """Say that the request failed, and what may be tried."""
        self._failures += counts
        if self._failures >= self._settings.max_failures > 0:
            self._attempt = Attempt.DONE
            raise ProtocolError("too many failed logins", Reason.NO_MORE_AUTH_METHODS_AVAILABLE)
        self.transport.sendPacket(Msg.USERAUTH_FAILURE, names(self._methods) + b"\0")
        self._next()

    def _next(self) -> None:
        self._attempt = Attempt.NONE
        if self._queue:
            self._request(self._queue.popleft())

    def _say(self, text: str) -> None:
        self.transport.sendPacket(Msg.USERAUTH_BANNER, string(text.encode()) + string(b""))


def _acceptable(algorithm: bytes, blob: bytes) -> Key | None:
    """The key, if it is one that *algorithm* may be used with: no SHA-1, no DSA, no short RSA key."""
    if algorithm not in USER_KEY_ALGORITHMS:
        return None
    try:
        key: Key = Key.fromString(blob, type="blob")  # type: ignore[no-untyped-call]
    except Exception:  # whatever a crafted blob makes of the parser
        return None
    kind = key.sshType()  # type: ignore[no-untyped-call]
    if kind == b"ssh-rsa":
        long_enough = key.size() >= RSA_MINIMUM  # type: ignore[no-untyped-call]
        return key if algorithm.startswith(b"rsa-sha2-") and long_enough else None
    return key if kind == algorithm else None


def _algorithm_of(signature: bytes) -> bytes:
    try:
        return Reader(signature).string(64)
    except ProtocolError:
        return b""


def _as_security_key_signs(key: Key, signature: bytes, message: bytes) -> bytes:
    """What a security key signs for *message* (OpenSSH PROTOCOL.u2f): its flags and counter are part of it."""
    reader = Reader(signature)
    reader.string(64), reader.string(1024)
    flags_and_counter = reader.take(5)
    reader.end()
    return sha256(key.application).digest() + flags_and_counter + sha256(message).digest()
