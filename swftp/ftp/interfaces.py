"""What an FTP login is to the protocol."""

from __future__ import annotations

from zope.interface import Interface

from swftp.session import Session


class IFtpAccount(Interface):
    """The avatar of an FTP login (`twisted.cred`)."""

    def session() -> Session:
        """What this login may do with files; `logout` ends it."""
