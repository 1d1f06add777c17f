"""What looks after a zerostor while a gateway runs."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import Unavailable
from swftp.stores.zerostor import tried


class TriedTests(SynchronousTestCase):
    """One turn of what is done again and again."""

    def failing(self, error: BaseException) -> Deferred[None]:
        """A turn in which *error* is raised."""

        async def renew() -> None:
            raise error

        return Deferred.fromCoroutine(tried(renew))

    def test_goes_on(self) -> None:
        """A store that does not answer, or an error of ours, does not end leases and sweeps for good."""
        self.successResultOf(self.failing(Unavailable()))
        self.successResultOf(self.failing(KeyError("of ours")))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_ends(self) -> None:
        """The end of the process ends it."""
        self.failureResultOf(self.failing(CancelledError()), CancelledError)
