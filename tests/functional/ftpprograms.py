"""Programs that speak FTP."""

from __future__ import annotations

from typing import ClassVar

from tests.functional.case import MIB
from tests.functional.ftp import FtpCase
from tests.functional.programs import ProgramCase


class FtpProgramCase(FtpCase, ProgramCase):
    """A tree, and programs that copy it."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "transfer.segment_size": 2 * MIB}

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.gateway.port}"
