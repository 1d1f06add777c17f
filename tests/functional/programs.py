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
