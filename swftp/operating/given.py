"""What people give a command: numbers as arguments, passwords at a prompt, never as arguments."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from math import inf


class Unusable(Exception):
    """What people or files gave is of no use; the message says why."""


def prompted(text: str, ask: Callable[[str], str] = getpass.getpass) -> str:
    """
    What whoever sits at the terminal answers to *text*.

    :raises Unusable: nobody does.
    """
    try:
        return ask(text)
    except (EOFError, KeyboardInterrupt):
        raise Unusable("no password was given") from None


def hours(text: str) -> float:
    """
    An age; with one below 0 even what is being stored now would be old.

    :raises ArgumentTypeError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours, 0 or more")
    return value
