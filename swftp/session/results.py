"""How a transfer or a request ended, in the few words that counters have for it."""

from __future__ import annotations

from swftp import errors

OUTCOMES: dict[type[BaseException], str] = {
    errors.Interrupted: "client_abort",
    errors.Corrupt: "integrity",
    errors.Changed: "integrity",
    errors.Unavailable: "backend_error",
    errors.StorageError: "refused",
}
"""The first that fits; what is none of these is a fault of ours, and of the client's no less."""


def result_of(error: BaseException | None, *, asked: bool = False) -> str:
    """
    :param asked: of a request, not of a transfer: clients ask all the time for what is not there.
    """
    if error is None:
        return "ok"
    if asked and isinstance(error, errors.NotFound):
        return "not_found"
    return next((word for kind, word in OUTCOMES.items() if isinstance(error, kind)), "backend_error")
