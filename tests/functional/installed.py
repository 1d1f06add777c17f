"""
The package as its users get it: an sdist, a wheel made of that, installed where nothing is but what it says it needs.

What it needs is linked from the environment of the tests, distribution by distribution: what is not declared is not
there.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.functional.processes import ROOT, scratch

SOURCES = ("swftp", "twisted", "tests", "etc", "docs")
"""Folders of the checkout that an sdist is made of."""
BUILD = "import sys, setuptools.build_meta as backend; getattr(backend, sys.argv[1])(sys.argv[2])"
TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"


def clean() -> dict[str, str]:
    """Our environment without what leads to the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SWFTP"))}


@functools.cache
def wheel() -> Path:
    """A wheel, made of an sdist as an index has it."""
    work = scratch() / "package"
    source, out = work / "source", work / "out"
    out.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", "dropin.cache")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, source)
    _build("build_sdist", source, out)
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(work / "unpacked", filter="data")
    (unpacked,) = (work / "unpacked").iterdir()
    _build("build_wheel", unpacked, out)
    (made,) = out.glob("*.whl")
    return made


def _build(what: str, source: Path, out: Path) -> None:
    argv = [sys.executable, "-c", BUILD, what, str(out)]
    done = subprocess.run(argv, cwd=source, env=clean(), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"{what} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


@functools.cache
def environment() -> Path:
    """A virtual environment with the wheel and what it declares."""
    folder = scratch() / "installed"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    pip = [str(folder / "bin/pip"), "install", "--quiet", "--no-deps", "--no-index", "--no-cache-dir", str(wheel())]
    subprocess.run(pip, env=clean(), check=True, timeout=120)
    (site,) = folder.glob("lib/python*/site-packages")
    for one in needed(distribution_of(site)):
        for part in {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}:
            link(Path(str(one.locate_file(part))), site / part)
    return folder


def distribution_of(site: Path) -> Distribution:
    """Ours, as installed in *site*."""
    (found,) = (one for one in Distribution.discover(path=[str(site)]) if one.name == "swftp")
    return found


def needed(top: Distribution) -> list[Distribution]:
    """All that *top* needs to run, and what that needs."""
    found: dict[tuple[str, str], Distribution] = {}
    waiting = [Requirement(text) for text in top.requires or () if applies(Requirement(text))]
    while waiting:
        wanted = waiting.pop()
        for extra in wanted.extras | {""}:
            if (wanted.name, extra) not in found:
                one = found[wanted.name, extra] = distribution(wanted.name)
                waiting += [more for more in map(Requirement, one.requires or ()) if applies(more, extra)]
    return list({one.name: one for one in found.values()}.values())


def applies(requirement: Requirement, extra: str = "") -> bool:
    """Whether *requirement* is one here, for somebody who asked for *extra*."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def link(source: Path, target: Path) -> None:
    """Have *source* at *target*, beside what is there: ``twisted`` and ``zope`` are shared."""
    if source.suffix in (".pth", ".cache") or "swftp" in source.name:
        return
    if source.is_dir() and target.is_dir() and not target.is_symlink():
        for child in source.iterdir():
            link(child, target / child.name)
    elif not target.exists():
        target.symlink_to(source)


def contents() -> set[str]:
    """Names of the files in the wheel."""
    with zipfile.ZipFile(wheel()) as archive:
        return set(archive.namelist())
