"""What tests with client programs begin with: a tree of files to copy, and a way to run the programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tests.functional.case import MIB, GatewayCase
from tests.functional.swift import PASSWORD
from tests.functional.trees import differences, leaves, plant


class ProgramCase(GatewayCase):
    """What the programs share."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "transfer.segment_size": 2 * MIB}
    odd_names = True

    def setUp(self) -> None:
        super().setUp()
        self.here = self.folder()
        self.tree = plant(self.here / "tree", odd=self.odd_names)

    def run_program(self, argv: Sequence[str], script: str = "", status: int = 0, timeout: float = 180) -> str:
        """Run a client; its output. Any other exit than *status* (-1: not 0) fails the test."""
        environment = {
            **os.environ, "SSHPASS": PASSWORD, "LFTP_PASSWORD": PASSWORD, "HOME": str(self.here), "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        done = subprocess.run(
            argv, input=script, env=environment, cwd=self.here, timeout=timeout, capture_output=True, text=True,
            errors="replace",
        )  # fmt: skip
        output = done.stdout + done.stderr
        right = done.returncode != 0 if status == -1 else done.returncode == status
        self.assertTrue(right, f"{argv[:3]} ended with {done.returncode}:\n{output[-2000:]}")
        return output

    def assertUp(self, prefix: str = "tree") -> None:
        """The tree is stored below *prefix*, byte by byte."""
        for name, path in leaves(self.tree):
            self.assertStored(f"{prefix}/{name}", path.read_bytes())

    def assertSame(self, copy: Path, times: bool = True) -> None:
        """*copy* is the tree."""
        self.assertEqual(differences(self.tree, copy, times), [])


class LftpCase(ProgramCase):
    """lftp, whatever it speaks."""

    def lftp(self, *commands: str) -> str:
        """A session in this test's container; its output."""
        raise AssertionError(f"nobody said how to do {commands}")

    def mirror(self) -> None:
        """Four files at once, both ways, with their times."""
        self.lftp(f"mirror -R -P 4 {self.tree} tree")
        self.assertUp()
        self.lftp(f"mirror -P 4 tree {self.here}/back")
        self.assertSame(self.here / "back")

    def resume_and_rename(self) -> None:
        """put -c, get -c, segmented pget, mv, rm -r; ``huge`` is left."""
        data = (self.tree / "big").read_bytes()
        self.store.put(self.container, "big", data[:MIB])
        self.lftp(f"put -c {self.tree}/big -o big", "mv big huge", f"pget -n 4 huge -o {self.here}/huge")
        self.assertStored("huge", data)
        self.assertEqual((self.here / "huge").read_bytes(), data)
        (self.here / "part").write_bytes(data[:1000])
        self.lftp(f"get -c huge -o {self.here}/part", "mkdir -p d/e", f"put {self.tree}/one -o d/e/one", "rm -r d")
        self.assertEqual((self.here / "part").read_bytes(), data)
        self.assertEqual(self.store.names(self.container), ["huge"])
