"""Tells systemd how we are (sd_notify(3)); without systemd, says nothing to nobody."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """
    Send *state*, lines of ``NAME=value``, to the service manager; returns whether there is one that took it.

    :param environ: has ``NOTIFY_SOCKET`` where there is one: a path, or ``@name`` in the abstract namespace.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            to = "\0" + address[1:] if address[0] == "@" else address
            sender.sendto(state.encode(), socket.MSG_DONTWAIT, to)
        except OSError:
            return False  # a service manager that does not listen, or read, is no reason not to serve
    return True
