"""
Which credentials are known to be good, or to be bad: so that the identity service is asked no more than it must be.

Entries are keyed by an HMAC under a key that ends with the process: neither a secret nor its plain hash is a key.
At most one request a user is under way, so that guessing does not become a flood, or a locked account, behind us.
"""

from __future__ import annotations

import hmac
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime

from swftp.auth.access import Authenticate, CredentialAccess
from swftp.auth.logins import Identity
from swftp.auth.refusals import Denied, Down
from swftp.auth.settings import AuthSettings
from swftp.auth.tokens import TOO_LATE, Credential
from swftp.flight import Flight

SWEEP_EVERY = 60.0
"""Seconds between looks for what can be forgotten."""
KNOWN_LIMIT = 16384
REFUSED_LIMIT = 16384
"""Entries."""
WAITING_LIMIT = 64
"""Different secrets of one user that wait for their turn."""


class AccessCache:
    """All credentials that sessions use now, and those that logged in lately."""

    def __init__(self, settings: AuthSettings, authenticate: Authenticate, clock: IReactorTime, key: bytes) -> None:
        """
        :param key: random bytes of this process.
        """
        self._settings = settings
        self._authenticate = authenticate
        self._clock = clock
        self._key = key
        self._known: dict[bytes, CredentialAccess] = {}
        self._refused_until: dict[bytes, float] = {}
        self._turns: WeakValueDictionary[str, DeferredLock] = WeakValueDictionary()
        self._flights: WeakValueDictionary[bytes, Flight[CredentialAccess]] = WeakValueDictionary()
        self._sweep_at = clock.seconds() + SWEEP_EVERY

    async def login(self, identity: Identity, secret: str) -> CredentialAccess:
        """
        The access of *identity*, held once more: the caller owes it a ``release()``.

        :raises Denied: the secret is wrong.
        :raises Down: the identity service does not say.
        """
        self._sweep()
        credential, key = Credential(identity, secret), self._digest(identity, secret)
        access = self._lately(key)
        if access is None:
            flight = self._flights.setdefault(key, Flight())
            access = await flight.join(lambda: Deferred.fromCoroutine(self._in_turn(key, credential)))
        access.hold(credential)
        return access

    def _lately(self, key: bytes) -> CredentialAccess | None:
        """What we need not ask for."""
        now = self._clock.seconds()
        if now < self._refused_until.get(key, now):
            raise Denied("wrong name or secret, as a moment ago")
        access = self._known.get(key)
        if access is None or not access.usable or now >= access.verified + self._settings.login_cache:
            return None
        return access

    async def _in_turn(self, key: bytes, credential: Credential) -> CredentialAccess:
        turn = self._turns.setdefault(credential.identity.person, DeferredLock())
        if len(turn.waiting) >= WAITING_LIMIT:
            raise Down("too many logins of this user wait for the identity service")
        give_up = self._clock.seconds() + self._settings.timeout
        await turn.acquire()
        try:
            if self._clock.seconds() >= give_up:
                raise Down(TOO_LATE)
            return await self._asked(key, credential)
        finally:
            turn.release()

    async def _asked(self, key: bytes, credential: Credential) -> CredentialAccess:
        access = self._known.get(key) or CredentialAccess(self._authenticate, self._clock)
        try:
            await access.login(credential)
        except Denied:
            if not access.held:
                self._known.pop(key, None)
            self._remember_refusal(key)
            raise
        self._known[key] = access
        return access

    def _remember_refusal(self, key: bytes) -> None:
        if self._settings.refusal_cache <= 0:
            return
        while len(self._refused_until) >= REFUSED_LIMIT:
            del self._refused_until[next(iter(self._refused_until))]
        self._refused_until.pop(key, None)
        self._refused_until[key] = self._clock.seconds() + self._settings.refusal_cache

    def _digest(self, identity: Identity, secret: str) -> bytes:
        message = "\0".join((self._settings.auth_url, identity.key, identity.secret_option, secret))
        return hmac.digest(self._key, message.encode(), "sha256")

    def _sweep(self) -> None:
        now = self._clock.seconds()
        if now < self._sweep_at and len(self._known) < KNOWN_LIMIT:
            return
        self._sweep_at = now + SWEEP_EVERY
        oldest = now - self._settings.login_cache
        for key, access in list(self._known.items()):
            if not access.held and (access.verified <= oldest or not access.usable):
                del self._known[key]
        for key, access in list(self._known.items())[: max(len(self._known) - KNOWN_LIMIT, 0)]:
            if not access.held:
                del self._known[key]
        for key in [key for key, until in self._refused_until.items() if until <= now]:
            del self._refused_until[key]
