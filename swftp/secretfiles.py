"""
Where secrets are: files that nobody else may read, or credentials that systemd hands to the service.

The law: a secret is never an argument, and a file of one that others can read is not used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

CREDENTIAL = "credential:"
DIRECTORY = "CREDENTIALS_DIRECTORY"
"""Set by systemd for a service with LoadCredential= (systemd.exec(5))."""
ACL_READ = 0o040
"""What stat(2) shows where systemd let the service's user read by an access control list."""


def located(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """
    The path that *text* means: itself, or with ``credential:NAME`` that of systemd's credential.

    :raises ValueError: systemd gave us none, or NAME is not the name of one.
    """
    if not text.startswith(CREDENTIAL):
        return text
    name, directory = text.removeprefix(CREDENTIAL), environ.get(DIRECTORY)
    if not directory:
        raise ValueError(f"{text!r}: there are no credentials: {DIRECTORY} is not set (see LoadCredential=)")
    if not name or "/" in name or name in (".", ".."):
        raise ValueError(f"{text!r} is not of the form credential:NAME")
    return str(Path(directory) / name)


def forbidden(path: Path, bits: int, environ: Mapping[str, str] = os.environ) -> int:
    """The bits of *bits* that the mode of the file *path* must not have."""
    directory = environ.get(DIRECTORY)
    return bits & ~ACL_READ if directory and path.parent == Path(directory) else bits
