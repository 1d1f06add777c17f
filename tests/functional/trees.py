"""A tree of files that is unkind to clients and servers, and the comparison of its copies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.functional.case import KIB, MIB, content

WHEN = 1_234_567_890
MANY = 12
"""Small files in one folder: more than any client moves at a time (rclone checks 8, lftp is told 4)."""


def plant(root: Path, odd: bool = True) -> Path:
    """Make the tree at *root*; without *odd*, only with names that every client takes."""
    files = {
        "empty": b"",
        "one": b"1",
        "packet": content(32 * KIB),
        "packet+1": content(32 * KIB + 1),
        "big": content(5 * MIB + 13),
        "dir/sub/deep": content(300 * KIB),
        ".hidden": b"dot",
        **{f"many/f{number:02d}": content(number) for number in range(MANY)},
    }
    if odd:
        files |= {
            "sp ace": b"1",
            "ünï/ッ": b"2",
            "qu'o\"te": b"3",
            "per%20cent": b"4",
            "a;b&c=d?e#f+g": b"5",
            "[x]*": b"6",
        }
    for number, (name, data) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (WHEN + number, WHEN + number))
    (root / "hollow").mkdir()
    return root


def leaves(root: Path) -> Iterator[tuple[str, Path]]:
    """(name below *root*, path) of every file."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(root)), path


def differences(one: Path, other: Path, times: bool = True) -> list[str]:
    """What is not the same in the two trees: names, kinds, bytes and, unless told otherwise, times."""
    names = [{str(path.relative_to(root)): path.is_dir() for path in root.rglob("*")} for root in (one, other)]
    found = [f"only in one: {name}" for name in names[0].items() ^ names[1].items()]
    for name, path in leaves(one):
        twin = other / name
        if not twin.is_file():
            continue
        if path.read_bytes() != twin.read_bytes():
            found.append(f"content: {name}")
        if times and int(path.stat().st_mtime) != int(twin.stat().st_mtime):
            found.append(f"time: {name}: {path.stat().st_mtime} and {twin.stat().st_mtime}")
    return found
