"""What ``swftp zerostor`` asks of people and files, and how it answers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from swftp.auth.keys import parse_options
from swftp.auth.logins import decoded
from swftp.auth.refusals import Denied
from swftp.operating.given import Unusable, prompted

FAILED = 1
"""Exit status."""


def password(options: argparse.Namespace) -> str | None:
    """
    The password that *options* lead to; None: there is to be none.

    :raises Unusable: it is empty or cannot be read, or was said differently the second time.
    """
    if options.no_password:
        return None
    if options.password_file == "-":  # noqa: S105  (not a password)
        found = sys.stdin.readline().rstrip("\r\n")
    elif options.password_file:
        found = _text(Path(options.password_file)).partition("\n")[0].rstrip("\r")
    else:
        found = prompted(f"Password of {options.name}: ")
        if prompted("The same again: ") != found:
            raise Unusable("they are not the same")
    if not found:
        raise Unusable("the password is empty")
    try:
        decoded(options.name.encode(), found.encode())
    except Denied as error:
        raise Unusable(f"nobody could log in with that: {error.reason}") from None
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise Unusable(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Unusable(f"{file}: not UTF-8") from error


def keys(name: str, files: list[Path]) -> list[str]:
    """
    The lines of *files*, each a usable key.

    :raises Unusable: one is not.
    """
    found = []
    for file in files:
        for line in _text(file).splitlines():
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                key = parse_options(text, name)
            except ValueError as error:
                raise Unusable(f"{file}: {error}") from None
            if "credential=" in text.split("ssh-")[0] or key.login != name:
                raise Unusable(f"{file}: credential and login are of keys in files")
            found.append(text)
    return found


def say(line: str) -> None:
    """Tell whoever called."""
    sys.stdout.write(f"{line}\n")
