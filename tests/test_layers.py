"""The architecture of ``docs/design.md``, read off the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import swftp

PACKAGE = Path(swftp.__file__).parent
RANK = {
    **dict.fromkeys(("__init__", "errors", "entries", "paths"), 0),
    **dict.fromkeys(
        (
            "background",
            "config",
            "flight",
            "outcomes",
            "interfaces",
            "pools",
            "secretfiles",
            "sockets",
            "timers",
            "traces",
            "trust",
        ),
        1,
    ),
    **dict.fromkeys(("transfer", "storage", "metrics"), 2),
    **dict.fromkeys(("session", "auth"), 3),
    **dict.fromkeys(("ssh", "sftp", "ftp", "web"), 4),
    **dict.fromkeys(("service", "services", "wiring", "backends", "generations"), 5),
    **dict.fromkeys(("options", "cli", "logs", "plugins"), 5),
    **dict.fromkeys(("gateway", "stores", "insight", "operating", "workers", "demo"), 5),
}
"""Of the package or module right below ``swftp``."""
STRANGERS = (("transfer", "storage", "metrics"), ("session", "auth"), ("ssh", "sftp", "ftp", "web"))
"""Those of one group do not know each other."""
MODULE_LIMIT = 400
"""Lines."""
FUNCTION_LIMIT = 40
"""Lines, docstring included."""


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its name without ``swftp.``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = ast.parse(path.read_text("utf-8"), str(path))
    return found


@cache
def imported(name: str) -> frozenset[str]:
    """What the module *name* imports when it runs."""
    return frozenset(imports(modules()[name]))


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names that *tree* imports when it runs: not those of ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imports(node)


@cache
def graph() -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports."""
    edges: dict[str, set[str]] = {}
    trees = modules()
    for name in trees:
        used = (full.removeprefix("swftp.") for full in imported(name) if full.startswith("swftp."))
        edges[name] = {module for full in used if (module := nearest(full, trees)) != name}
    return edges


def nearest(full: str, trees: dict[str, ast.Module]) -> str:
    """The module that defines *full*, which is a module or a name in one."""
    while full and full not in trees:
        full = full.rpartition(".")[0]
    return full or "__init__"


def top(name: str) -> str:
    """What of `RANK` the module *name* belongs to."""
    return name.partition(".")[0]


class LayerTests(SynchronousTestCase):
    """Imports point down."""

    def setUp(self) -> None:
        """Read the source."""
        self.graph = graph()

    def test_every_module_has_a_rank(self) -> None:
        """Whoever adds a module says where it belongs."""
        self.assertEqual({top(name) for name in self.graph} - set(RANK), set())

    def test_direction(self) -> None:
        """No module imports one of a higher rank."""
        for name, used in self.graph.items():
            for other in used:
                self.assertLessEqual(RANK[top(other)], RANK[top(name)], f"{name} imports {other}")

    def test_strangers(self) -> None:
        """Layers side by side meet at interfaces only."""
        for group in STRANGERS:
            for name, used in self.graph.items():
                if top(name) in group:
                    known = {top(other) for other in used} & set(group) - {top(name)}
                    self.assertEqual(known, set(), f"{name} knows {known}")

    def test_no_cycles(self) -> None:
        """No module imports, by whatever way, itself."""
        TopologicalSorter(self.graph).prepare()

    def test_only_service_has_the_reactor(self) -> None:
        """Everybody else is given clocks and reactors."""
        users = {name for name in self.graph if "twisted.internet.reactor" in imported(name)}
        self.assertEqual(users, {"service"})

    def test_only_the_demo_knows_swift_and_eventlet(self) -> None:
        """The product runs without them."""
        for name in self.graph:
            if top(name) != "demo":
                known = {full.partition(".")[0] for full in imported(name)} & {"swift", "eventlet"}
                self.assertEqual(known, set(), name)


class SizeTests(SynchronousTestCase):
    """Everything can be read in one sitting."""

    def test_modules(self) -> None:
        """No module is longer than `MODULE_LIMIT` lines."""
        long = [
            f"{path.relative_to(PACKAGE)}: {lines}"
            for path in PACKAGE.rglob("*.py")
            if (lines := len(path.read_text("utf-8").splitlines())) > MODULE_LIMIT
        ]
        self.assertEqual(long, [])

    def test_functions(self) -> None:
        """No function is longer than `FUNCTION_LIMIT` lines."""
        long = []
        for name, tree in modules().items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    if lines > FUNCTION_LIMIT:
                        long.append(f"{name}.{node.name}: {lines}")
        self.assertEqual(long, [])
