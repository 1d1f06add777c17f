"""What a data connection has to keep to: nothing that was asked for is left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.context import Context
from swftp.ftp.reply import Refused
from swftp.ftp.settings import Settings
from swftp.ftp.transfer import Transfer


class TermsTests(SynchronousTestCase):
    """The terms of a transfer."""

    tls: Any = object()

    def transfer(self, *, secured: bool = True, protected: bool = True, **settings: Any) -> Transfer:
        """One on a control connection that is *secured*, after PROT P if *protected*."""
        control: Any = SimpleNamespace(tls=self.tls if secured else None)
        data: Any = SimpleNamespace(prepared=True)
        login: Any = None
        made = Context(control, Settings(**settings), Clock(), data, login, protected=protected)
        return Transfer(made, "a file")

    def test_protected(self) -> None:
        """After PROT P the data connection speaks TLS as the control connection does, else not."""
        self.assertIs(self.transfer().terms().tls, self.tls)
        self.assertIsNone(self.transfer(protected=False).terms().tls)

    def test_resumed(self) -> None:
        """Its session has to be the control connection's only where that is required."""
        for reuse, required in (("required", True), ("offered", False), ("off", False)):
            self.assertIs(self.transfer(tls_reuse=reuse).terms().resumed, required)

    def test_settings(self) -> None:
        """An end that TLS does not confirm, and how long a client may do nothing, are as configured."""
        for accepted in (False, True):
            terms = self.transfer(accept_missing_close_notify=accepted, stalled_timeout=7.0).terms()
            self.assertEqual((terms.unconfirmed_end, terms.stalled), (accepted, 7.0))

    def test_refused(self) -> None:
        """Nothing moves in the clear where that is forbidden, or where nothing would tie it to the client."""
        for settings in ({"require_tls_data": True}, {"tls_reuse": "required"}):
            error = self.assertRaises(Refused, self.transfer, protected=False, **settings)
            self.assertEqual(error.reply.code, 522)
        self.assertRaises(Refused, self.transfer, secured=False, protected=False, require_tls_data=True)
        self.transfer(secured=False, protected=False, tls_reuse="required")  # there is no session to be resumed
