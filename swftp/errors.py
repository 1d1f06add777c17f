"""
What can go wrong, in words that every protocol and every store share.

No message here ever holds a secret, a URL or a traceback: clients read them.  Drivers translate what
their store says into one of these, once, at their edge; `swftp.outcomes` translates them into
protocol codes, once.
"""

from __future__ import annotations


class StorageError(Exception):
    """Base of everything a file operation may raise.  ``str(error)`` is shown to the client."""

    default = "failure"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.default)


class NotFound(StorageError):
    """The file, directory or container is not there."""

    default = "no such file or directory"


class PermissionDenied(StorageError):
    """The store knows this user and says no (HTTP 403), or our own rules do."""

    default = "permission denied"


class Unauthorized(PermissionDenied):
    """The credential itself is not, or no longer, accepted (HTTP 401 after one renewal)."""

    default = "login no longer valid"


class AlreadyExists(StorageError):
    """The name is taken and may not be replaced."""

    default = "already exists"


class NotEmpty(StorageError):
    """A directory or container that still has entries."""

    default = "directory not empty"


class IsDirectory(StorageError):
    """A file is needed and a directory stands there."""

    default = "is a directory"


class NotDirectory(StorageError):
    """A directory is needed and a file stands there."""

    default = "not a directory"


class InvalidName(StorageError):
    """A path that no object can have: bad UTF-8, NUL, CR, LF, or longer than the store allows."""

    default = "invalid file name"


class InvalidRequest(StorageError):
    """The request makes no sense: wrong handle, wrong mode, absurd offset."""

    default = "invalid request"


class Malformed(InvalidRequest):
    """The request does not parse."""

    default = "malformed request"


class QuotaExceeded(StorageError):
    """The account's or container's quota is used up; nothing was stored."""

    default = "quota exceeded"


class TooLarge(StorageError):
    """Larger than the store, or the memory set aside for changes in place, can take."""

    default = "file too large"


class Unsupported(StorageError):
    """Nothing an object store, or this one, can do."""

    default = "operation not supported"


class Changed(StorageError):
    """The object was replaced while it was being read; bytes of two versions are never mixed."""

    default = "file changed while open"


class Corrupt(StorageError):
    """Length or checksum of what was stored or read is not that of the bytes sent."""

    default = "checksum mismatch"


class Damaged(Corrupt):
    """The store got other bytes than were sent; it said so and stored nothing."""

    default = "damaged on the way to storage"


class Unavailable(StorageError):
    """Storage is down, throttled or too slow; the same request may work later."""

    default = "storage unavailable, try again"


class StateUnknown(Unavailable):
    """A publishing request failed in a way that leaves open whether it took effect."""

    default = "result unknown, storage did not confirm"


class Interrupted(StorageError):
    """The client, its channel or this process ended before the transfer did; nothing was changed."""

    default = "transfer interrupted"


class Busy(StorageError):
    """A limit of this server (handles, requests, sessions) is reached."""

    default = "too many open files or requests"


def published_nothing(error: BaseException) -> bool:
    """Whether *error*, of a publishing request, leaves no doubt: no object uses what was staged for it."""
    unsettled = isinstance(error, StateUnknown | Corrupt) and not isinstance(error, Damaged)
    return isinstance(error, StorageError) and not unsettled
