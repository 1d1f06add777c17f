"""What twistd's plugins beside that of SFTP name: a service maker is a module, or what looks like one."""

from __future__ import annotations

from typing import Any

from swftp import options


class _Maker:
    """``makeService`` and ``Options`` of one command."""

    makeService = staticmethod(options.makeService)

    def __init__(self, kind: Any) -> None:
        self.Options = kind


ftp = _Maker(options.FtpOptions)
every = _Maker(options.AllOptions)
