"""
``python -m tests unit`` runs every test that needs no server, ``python -m tests functional`` the others.

Names of modules, classes or tests after it run only those; what begins with a dash is trial's.  With ``-jN`` a module
is run by one process: what its tests share, a gateway, a Keystone, a Swift with odd limits, is started once.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from pathlib import Path

from twisted.scripts import trial
from twisted.trial._dist.distreporter import DistReporter
from twisted.trial._dist.disttrial import DistTrialRunner
from twisted.trial._dist.worker import LocalWorkerAMP
from twisted.trial.itrial import ITestCase

HERE = Path(__file__).parent
SERVERS = "functional"
APART = (SERVERS, "acceptance", "suites")
"""Folders that are no unit tests: benchmarks and lists among them."""
LONG = (
    "sshfs", "zerostor", "auth", "clients", "ftp_clients", "zerostor_crashes", "directories", "nested", "bytes_moved",
    "operator", "faults", "ftp_libraries", "limits", "ftp_tls", "lost", "large", "faults_reading", "ftp_faults",
)  # fmt: skip
"""Functional modules that are begun first, the longest in front: the others then fill up what is left of the time."""


def names(kind: str) -> list[str]:
    """What trial has to run for *kind*."""
    if kind == SERVERS:
        modules = sorted(path.stem for path in (HERE / SERVERS).glob("test_*.py"))
        first = [f"test_{name}" for name in LONG]
        return [f"tests.{SERVERS}.{name}" for name in sorted(modules, key=lambda name: ([*first, name]).index(name))]
    folders = (path.parent.name for path in HERE.glob("*/__init__.py"))
    modules = (path.stem for path in HERE.glob("test_*.py"))
    return [f"tests.{name}" for name in sorted([*folders, *modules]) if name not in APART]


class ModuleRunner(DistTrialRunner):  # type: ignore[misc]
    """Gives each process whole modules, where Twisted gives it one test after the other."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self._modules: list[list[ITestCase]] | None = None

    async def _driveWorker(
        self, result: DistReporter, testCases: Iterable[ITestCase], worker: LocalWorkerAMP
    ) -> None:
        if self._modules is None:
            groups = itertools.groupby(testCases, key=lambda case: type(case).__module__)
            self._modules = [list(cases) for _, cases in groups]
        while self._modules:
            await super()._driveWorker(result, self._modules.pop(0), worker)


def main() -> None:
    """Hand over to trial."""
    kind, *rest = sys.argv[1:] or ["unit"]
    if kind not in ("unit", SERVERS):
        sys.exit(f"usage: python -m tests unit|{SERVERS} [NAME...]")
    chosen = [word for word in rest if not word.startswith("-")] or names(kind)
    flags = [word for word in rest if word.startswith("-")]
    trial.DistTrialRunner = ModuleRunner  # what it makes for -jN
    sys.argv = ["trial", "--reporter=text", *flags, *chosen]
    trial.run()


if __name__ == "__main__":
    main()
