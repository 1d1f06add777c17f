"""
``python -m tests unit`` runs every test that needs no server, ``python -m tests functional`` the others.

Names of modules, classes or tests after it run only those; what begins with a dash is trial's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.scripts import trial

HERE = Path(__file__).parent
SERVERS = "functional"
APART = (SERVERS, "acceptance", "suites")
"""Folders that are no unit tests: benchmarks and lists among them."""


def names(kind: str) -> list[str]:
    """What trial has to run for *kind*."""
    if kind == SERVERS:
        return [f"tests.{SERVERS}"]
    folders = (path.parent.name for path in HERE.glob("*/__init__.py"))
    modules = (path.stem for path in HERE.glob("test_*.py"))
    return [f"tests.{name}" for name in sorted([*folders, *modules]) if name not in APART]


def main() -> None:
    """Hand over to trial."""
    kind, *rest = sys.argv[1:] or ["unit"]
    if kind not in ("unit", SERVERS):
        sys.exit(f"usage: python -m tests unit|{SERVERS} [NAME...]")
    chosen = [word for word in rest if not word.startswith("-")] or names(kind)
    flags = [word for word in rest if word.startswith("-")]
    sys.argv = ["trial", "--reporter=text", *flags, *chosen]
    trial.run()


if __name__ == "__main__":
    main()
