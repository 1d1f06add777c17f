"""The way in, with somebody who counts how many get through it."""

from __future__ import annotations

from typing import Any

from twisted.conch.error import ValidPublicKey
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from swftp.auth.attempts import Verdict, judge
from swftp.auth.refusals import LoginThrottled
from swftp.metrics import Metrics

RESULTS = {Verdict.BUSY: "throttled", Verdict.DOWN: "backend_error", Verdict.BROKEN: "backend_error"}


class CountedPortal(Portal):
    """Counts logins by what became of them."""

    def __init__(self, realm: IRealm, checkers: Any, metrics: Metrics, protocol: str, clock: IReactorTime) -> None:
        super().__init__(realm, checkers)
        self._metrics, self._protocol, self._clock = metrics, protocol, clock

    def login(self, credentials: Any, mind: object, *interfaces: Any) -> Deferred[Any]:
        """See `Portal`."""
        begun = self._clock.seconds()
        entering: Deferred[Any] = super().login(credentials, mind, *interfaces)
        return entering.addBoth(self._entered, method_of(credentials), begun)

    def _entered(self, result: Any, method: str, begun: float) -> Any:
        error = getattr(result, "value", None)
        if isinstance(error, ValidPublicKey | CancelledError):
            return result  # only asked whether the key is worth a signature, or went away
        self._metrics.auth_attempts.labels(self._protocol, method, _word(error)).inc()
        self._metrics.auth_seconds.observe(self._clock.seconds() - begun)
        return result


def method_of(credentials: Any) -> str:
    """What is shown to get in."""
    if IUsernamePassword.providedBy(credentials):
        return "password"
    return "publickey" if ISSHPrivateKey.providedBy(credentials) else "certificate"


def _word(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, LoginThrottled):
        return "throttled"
    return RESULTS.get(judge(error), "bad") if isinstance(error, Exception) else "backend_error"
