"""Clients that vanish and gateways that are killed leave the old content or the new one, never anything else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from typing import ClassVar

from tests.functional import lost
from tests.functional.case import MIB, GatewayCase, content, need
from tests.functional.gateway import Gateway
from tests.functional.processes import eventually

RUNS = int(os.environ.get("SWFTP_LOST_RUNS", "12"))
SEED = int(os.environ.get("SWFTP_LOST_SEED", "0"))
"""Zero: another one each time; the seed is in every message."""


def seeds(count: int) -> list[int]:
    """*count* seeds."""
    first = SEED or random.SystemRandom().randrange(1, 1 << 30)
    return list(range(first, first + count))


class LostCase(GatewayCase):
    """Small segments, so that large files have many."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": 4 * MIB, "sessions_per_user": 0}

    def assertRight(self, uploads: list[lost.Upload]) -> None:
        """Every upload left what it may leave."""
        self.assertEqual([v for v in (lost.verdict(self.store, self.container, u) for u in uploads) if v], [])

    def kept(self, uploads: list[lost.Upload]) -> set[str]:
        """Names whose stored content has segments of its own."""
        return {
            upload.plan.name
            for upload in uploads
            if "x-static-large-object" in (self.store.head(self.container, upload.plan.name) or {})
        }

    def assertNoOrphans(self, uploads: list[lost.Upload]) -> None:
        """No segments of ours but those of objects that are there."""

        def orphans() -> list[tuple[str, str]]:
            kept = self.kept(uploads)
            return [
                (container, name)
                for container, name in self.store.segments(self.container)
                if "/slo/" not in name and not any(owner in name for owner in kept)
            ]

        if not eventually(lambda: not orphans(), 30, 0.5):
            self.fail(f"segments left behind: {orphans()[:10]}; {[str(u.plan) for u in uploads]}")


class LostClientTests(LostCase):
    """The client goes, the gateway stays."""

    def test_random(self) -> None:
        """RST, FIN, channel CLOSE and EOF, disconnect, at any byte of any upload."""
        uploads = [self.one(lost.Plan.draw(seed, lost.CLIENT_ENDS)) for seed in seeds(RUNS)]
        self.assertRight(uploads)
        self.assertNoOrphans(uploads)

    def one(self, plan: lost.Plan) -> lost.Upload:
        """Carry out *plan* and wait until the gateway is through with it."""
        lost.prepare(self.store, self.container, plan)
        upload = lost.start(self.gateway, self.container, plan)

        def finish(current: lost.Upload) -> None:
            time.sleep(plan.wait)
            current.end()

        upload.run(finish)
        if plan.end in (lost.End.CHANNEL_EOF, lost.End.CHANNEL_CLOSE):
            time.sleep(0.2)
        upload.speaker.close()
        time.sleep(0.3)
        return upload

    def test_each_end(self) -> None:
        """Each way to go, at 0, 1 and all but one byte, and with all bytes but no CLOSE, over an old file."""
        uploads = []
        size = 9 * MIB
        for index, end in enumerate(lost.CLIENT_ENDS):
            for step, at in enumerate((0, 1, size - 1, size)):
                plan = lost.Plan(1000 + index * 10 + step, end, size, 1000, at, close=False, wait=0.05)
                uploads.append(self.one(plan))
        self.assertRight(uploads)
        self.assertNoOrphans(uploads)

    def test_killed_program(self) -> None:
        """OpenSSH's sftp, SIGKILLed at any moment of an upload."""
        sftp = need("sftp")
        folder = self.folder()
        data = content(60 * MIB)
        (folder / "big").write_bytes(data)
        self.store.put(self.container, "big", b"old")
        dice = random.Random(SEED or None)
        for _ in range(4):
            with subprocess.Popen(
                ["sshpass", "-p", "testing", sftp, *self.ssh_options(), "-b", "-", "127.0.0.1"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            ) as program:  # fmt: skip
                assert program.stdin
                program.stdin.write(f"put {folder}/big {self.path('big')}\n".encode())
                program.stdin.flush()
                time.sleep(0.3 + dice.random() * 0.7)
                os.killpg(program.pid, signal.SIGKILL)
            time.sleep(0.5)
            found = self.store.get(self.container, "big")
            self.assertIn(found, (b"old", data))
            if found == data:
                self.store.put(self.container, "big", b"old")

    def ssh_options(self) -> list[str]:
        """Of OpenSSH's programs."""
        return [
            "-F", "/dev/null", "-oUser=test:tester", f"-oPort={self.gateway.port}", "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null", "-oBatchMode=no", "-oLogLevel=ERROR", "-oPubkeyAuthentication=no",
        ]  # fmt: skip


class LostGatewayTests(LostCase):
    """The gateway goes, in the middle of several uploads."""

    def make_gateway(self) -> Gateway:
        fresh = Gateway(self.server.url, {**self.gateway_options, "drain_timeout": 1})
        self.addCleanup(fresh.kill)
        return fresh

    def test_random(self) -> None:
        """SIGKILL and SIGTERM while four uploads run; whatever was answered OK is stored."""
        uploads: list[lost.Upload] = []
        for seed in seeds(max(2, RUNS // 4)):
            uploads += self.round(seed)
        self.assertRight(uploads)

    def round(self, seed: int) -> list[lost.Upload]:
        """Four uploads, one end of the gateway."""
        dice = random.Random(seed)
        plans = [lost.Plan.draw(seed * 4 + number, lost.GATEWAY_ENDS) for number in range(4)]
        for plan in plans:
            lost.prepare(self.store, self.container, plan)
        uploads = [lost.start(self.gateway, self.container, plan) for plan in plans]
        threads = [threading.Thread(target=upload.run, args=(lost.Upload.wait_for_ok,)) for upload in uploads]
        for thread in threads:
            thread.start()
        time.sleep(dice.random() * 1.5)
        if plans[0].end is lost.End.GATEWAY_KILLED:
            self.gateway.kill()
        else:
            self.gateway.stop()
        for upload, thread in zip(uploads, threads, strict=True):
            thread.join(60)
            upload.speaker.close()
        self.gateway.start()
        return uploads
