"""
One row an error: what an SFTP v3 client and an FTP client are told.

SFTP codes are those of draft-ietf-secsh-filexfer-02 section 7; FTP replies those of RFC 959 section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from swftp import errors


class Status(IntEnum):
    """SFTP v3 status codes (draft-ietf-secsh-filexfer-02 section 7)."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both protocols say of one kind of error."""

    sftp: Status
    ftp: int


OUTCOMES: dict[type[errors.StorageError], Outcome] = {
    errors.NotFound: Outcome(Status.NO_SUCH_FILE, 550),
    errors.PermissionDenied: Outcome(Status.PERMISSION_DENIED, 550),
    errors.Unauthorized: Outcome(Status.PERMISSION_DENIED, 530),
    errors.AlreadyExists: Outcome(Status.FAILURE, 550),  # v3 has no EEXIST; OpenSSH says FAILURE too
    errors.NotEmpty: Outcome(Status.FAILURE, 550),
    errors.IsDirectory: Outcome(Status.FAILURE, 550),
    errors.NotDirectory: Outcome(Status.NO_SUCH_FILE, 550),  # as OpenSSH says ENOTDIR; PyFilesystem relies on it
    errors.InvalidName: Outcome(Status.FAILURE, 553),
    errors.InvalidRequest: Outcome(Status.FAILURE, 501),
    errors.Malformed: Outcome(Status.BAD_MESSAGE, 501),
    errors.QuotaExceeded: Outcome(Status.FAILURE, 552),
    errors.TooLarge: Outcome(Status.FAILURE, 552),
    errors.Unsupported: Outcome(Status.OP_UNSUPPORTED, 504),
    errors.Changed: Outcome(Status.FAILURE, 451),
    errors.Corrupt: Outcome(Status.FAILURE, 451),
    errors.Damaged: Outcome(Status.FAILURE, 451),
    # not 450 "file unavailable": curl takes that for an empty list, and is content; rclone for what is not there
    errors.Unavailable: Outcome(Status.FAILURE, 451),
    errors.StateUnknown: Outcome(Status.FAILURE, 451),
    errors.Interrupted: Outcome(Status.FAILURE, 426),
    errors.Busy: Outcome(Status.FAILURE, 451),
}


def outcome(error: BaseException) -> Outcome:
    """The row of *error*; anything that is not a `StorageError` is our own bug and a plain failure."""
    for kind in type(error).__mro__:
        if kind in OUTCOMES:
            return OUTCOMES[kind]
    return Outcome(Status.FAILURE, 451)
