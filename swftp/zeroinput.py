"""What ``swftp zerostor`` asks of people and files, and how it answers."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from swftp.auth.keys import parse_options

FAILED = 1
"""Exit status."""


def password(options: argparse.Namespace) -> str | None:
    """
    The password that *options* lead to; None: there is to be none.

    :raises SystemExit: it is empty, or said differently the second time.
    """
    if options.no_password:
        return None
    if options.password_file == "-":  # noqa: S105  (not a password)
        found = sys.stdin.readline().rstrip("\r\n")
    elif options.password_file:
        found = Path(options.password_file).read_text("utf-8").partition("\n")[0].rstrip("\r")
    else:
        found = getpass.getpass(f"Password of {options.name}: ")
        if getpass.getpass("The same again: ") != found:
            raise SystemExit("they are not the same")
    if not found:
        raise SystemExit("the password is empty")
    return found


def keys(name: str, files: list[Path]) -> list[str]:
    """
    The lines of *files*, each a usable key.

    :raises SystemExit: one is not.
    """
    found = []
    for file in files:
        for line in file.read_text("utf-8").splitlines():
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                key = parse_options(text, name)
            except ValueError as error:
                raise SystemExit(f"{file}: {error}") from None
            if "credential=" in text.split("ssh-")[0] or key.login != name:
                raise SystemExit(f"{file}: credential and login are of keys in files")
            found.append(text)
    return found


def say(line: str) -> None:
    """Tell whoever called."""
    sys.stdout.write(f"{line}\n")
