"""
The right of a login to talk to its store, kept fresh.

Whoever needs a token gets the one we have; whoever needs a new one waits for the one request that is under way.
A secret is held only while a session holds it: after the last `CredentialAccess.release` only the token is left.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from swftp.auth.refusals import Denied, Down
from swftp.auth.tokens import Credential
from swftp.flight import Flight
from swftp.interfaces import Access, IAccess

EARLY = 300.0
"""Seconds before its end at which a token is renewed, or a fifth of its life if that is less."""
RENEWAL_PAUSE = 60.0
"""Seconds between renewals that do not help: identity services lock accounts and limit rates."""
OUTAGE_PAUSE = 5.0
"""Seconds after which an identity service that did not answer is asked again."""
NEVER = float("-inf")
log = Logger()

Authenticate = Callable[[Credential], Deferred[Access]]


@implementer(IAccess)
class CredentialAccess:
    """One credential's `IAccess`, shared by all its sessions."""

    def __init__(self, authenticate: Authenticate, clock: IReactorTime) -> None:
        self._authenticate = authenticate
        self._clock = clock
        self._credential: Credential | None = None
        self._holders = 0
        self._access: Access | None = None
        self._renew_at = NEVER
        self._pause_until = NEVER
        self._refusal: Callable[[], Denied | Down] | None = None
        """Makes the last one: itself it would keep all that it went through, and that has us."""
        self._store_refused = False
        self._flight: Flight[Access] = Flight()
        self.verified = NEVER
        """When the identity service last said yes: seconds of the clock."""
        self.names: tuple[str, ...] = ()
        self.user = ""
        """See `Access`."""

    def __repr__(self) -> str:
        return f"<CredentialAccess holders={self._holders}>"

    @property
    def held(self) -> bool:
        """Whether a session uses this."""
        return self._holders > 0

    @property
    def usable(self) -> bool:
        """Whether there is a token that should still be good."""
        access = self._access
        return access is not None and (access.expires is None or self._clock.seconds() < access.expires)

    def hold(self, credential: Credential) -> None:
        """One more session uses this; *credential* is what it logged in with."""
        self._holders += 1
        self._credential = credential

    def release(self) -> None:
        """One session less; the last one takes the secret with it.  What remains to be done uses the token left."""
        self._holders -= 1
        if not self._holders:
            self._credential = None

    def login(self, credential: Credential) -> Deferred[Access]:
        """
        Ask the identity service whether *credential* is good, whatever we have.

        :raises Denied: it is not.
        :raises Down: the service does not say.
        """
        return self._flight.join(lambda: self._ask(credential))

    async def get(self) -> Access:
        """As of `IAccess`; a token near its end is renewed behind the caller's back, and used to its end."""
        access = self._access
        if access is None or not self.usable:
            return await self._renewed()
        if self._clock.seconds() >= self._renew_at and not self._flight.busy and self._cannot_ask() is None:
            self._flight.join(self._ask_again).addErrback(lambda _: None)  # _refused logged it
        return access

    async def renew(self, stale: Access) -> Access:
        """
        As of `IAccess`; where the store refuses what was just renewed, nobody is asked for a minute.

        The token stays meanwhile: a store that refuses one request may take the next.
        """
        current = self._access
        if current is not None and current.token != stale.token:
            return current
        if not self._flight.busy and (refusal := self._cannot_ask()) is not None:
            raise refusal
        self._access = None
        self._store_refused = True
        return await self._renewed()

    def _renewed(self) -> Deferred[Access]:
        if not self._flight.busy and (refusal := self._cannot_ask()) is not None:
            raise refusal
        return self._flight.join(self._ask_again)

    def _cannot_ask(self) -> Denied | Down | None:
        if self._credential is None:
            return self._refusal() if self._refusal else Denied("the session that knew the secret has ended")
        if self._clock.seconds() < self._pause_until:
            return self._refusal() if self._refusal else Denied("the store refuses the token that was just renewed")
        return None

    def _ask_again(self) -> Deferred[Access]:
        assert self._credential is not None  # noqa: S101  (_cannot_ask said so)
        return self._ask(self._credential)

    def _ask(self, credential: Credential) -> Deferred[Access]:
        return self._authenticate(credential).addCallbacks(self._granted, self._refused)

    def _granted(self, access: Access) -> Access:
        now = self._clock.seconds()
        self._access, self._refusal, self.verified = access, None, now
        self.names, self.user = access.names, access.user
        self._pause_until = now + RENEWAL_PAUSE if self._store_refused else NEVER
        self._store_refused = False
        if access.expires is None:
            self._renew_at = float("inf")
        else:  # a service may hand out the old token again until it ends (TempAuth does): then ask once a minute
            early = access.expires - min(EARLY, (access.expires - now) / 5)
            self._renew_at = max(early, now + RENEWAL_PAUSE)
        return access

    def _refused(self, failure: Failure) -> Access:
        error = failure.value
        known = error if isinstance(error, Denied | Down) else Down("the identity service could not be asked")
        make = self._refusal = partial(type(known), known.reason)
        pause = OUTAGE_PAUSE
        if isinstance(error, Denied):
            pause, self.verified = RENEWAL_PAUSE, NEVER  # whoever comes now is asked about again
        self._pause_until = self._clock.seconds() + pause
        if self._holders:  # else it is a login, which has its own line
            log.warn("no new token: {reason}", event="renewal_failed", reason=known.reason)
        raise make()
