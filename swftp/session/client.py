"""Who a session is for, as every line about it in the log says."""

from __future__ import annotations

from dataclasses import dataclass

from swftp.traces import UNNOTICED, Scrutiny


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One that is logged in."""

    user: str = ""
    """As the client typed it."""
    peer: str = ""
    """Address of the client."""
    session: str = ""
    """Our name of the login; the store's log has it, too."""
    protocol: str = ""
    """``sftp`` or ``ftp``."""
    scrutiny: Scrutiny = UNNOTICED


NOBODY = Client()
