"""FTP clients that vanish in the middle of an upload leave the old content or the new one, and no segments."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import ClassVar

from tests.functional import ftplost
from tests.functional.case import MIB
from tests.functional.ftp import FtpCase
from tests.functional.processes import eventually

RUNS = int(os.environ.get("SWFTP_LOST_RUNS", "12"))
"""Of each: in the clear and over TLS."""
SEED = int(os.environ.get("SWFTP_LOST_SEED", "0"))
"""Zero: another one each time; the seed is in every message."""


class FtpLostTests(FtpCase):
    """RST and FIN of control and data, ABOR, TLS cut, at any byte of any upload: STOR, APPE, REST and STOR."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": 2 * MIB, "sessions_per_user": 0}

    def test_random_plain(self) -> None:
        """In the clear."""
        self.lose(secure=False)

    def test_random_tls(self) -> None:
        """Over TLS."""
        self.lose(secure=True)

    def lose(self, *, secure: bool) -> None:
        """As many as asked for."""
        first = SEED or random.SystemRandom().randrange(1, 1 << 30)
        uploads = [
            ftplost.carry_out(self.gateway, self.store, self.container, ftplost.Plan.draw(seed, secure=secure))
            for seed in range(first, first + RUNS)
        ]
        self.assertTrue(eventually(self.is_quiet, 20, 0.3), "transfers of lost clients go on")
        wrong = [v for v in (ftplost.verdict(self.store, self.container, u) for u in uploads) if v]
        self.assertEqual(wrong, [])
        self.assertNoOrphans(uploads)

    def is_quiet(self) -> bool:
        """No connection of a client is left."""
        return len(self.sockets()) == 0

    def sockets(self) -> list[str]:
        """Connections of the gateway's port that are not closed."""
        port = f":{self.gateway.port:04X}"
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return [row[1] for row in rows if row[1].endswith(port) and row[3] == "01"]

    def assertNoOrphans(self, uploads: list[ftplost.Upload]) -> None:
        """No segments of ours but those of objects that are there."""
        kept = {
            upload.plan.name
            for upload in uploads
            if "x-static-large-object" in (self.store.head(self.container, upload.plan.name) or {})
        }

        def orphans() -> list[str]:
            found = [name for _, name in self.store.segments(self.container) if "/slo/" not in name]
            return [name for name in found if not any(name.startswith(f"{owner}/") for owner in kept)]

        if not eventually(lambda: not orphans(), 30, 0.5):
            self.fail(f"segments left behind: {orphans()[:10]}; {[str(u.plan) for u in uploads]}")
