"""
The numbers of 2014, for ``/stats.json`` and StatsD: what dashboards of then ask for.

Commands were called after the methods of Twisted that did them.
"""

from __future__ import annotations

from collections.abc import Mapping

from swftp.metrics.instruments import Metrics, sums, total

COMMANDS: dict[str, dict[str, tuple[str, ...]]] = {
    "sftp": {
        "openFile": ("open_read", "open_write"),
        "removeFile": ("remove",),
        "renameFile": ("rename",),
        "makeDirectory": ("mkdir",),
        "removeDirectory": ("rmdir",),
        "openDirectory": ("list",),
        "getAttrs": ("stat",),
    },
    "ftp": {
        "makeDirectory": ("mkdir",),
        "removeDirectory": ("rmdir",),
        "removeFile": ("remove",),
        "rename": ("rename",),
        "stat": ("stat",),
        "list": ("list",),
        "openForReading": ("open_read",),
        "openForWriting": ("open_write",),
    },
}
"""Protocol -> command -> what of it we count."""


def totals(metrics: Metrics, moved: Mapping[tuple[str, str], int]) -> dict[str, dict[str, float]]:
    """
    What has been counted, by protocol.

    :param moved: bytes so far, by protocol and direction.
    """
    requests = sums(metrics.requests, "proto", "op")
    return {protocol: _totals(metrics, protocol, requests, moved) for protocol in COMMANDS}


def _totals(
    metrics: Metrics,
    protocol: str,
    requests: Mapping[tuple[str, ...], int],
    moved: Mapping[tuple[str, str], int],
) -> dict[str, float]:
    attempts = metrics.auth_attempts
    accepted = total(attempts, proto=protocol, result="ok")
    found = {
        "auth.succeed": accepted,
        "auth.fail": total(attempts, proto=protocol) - accepted,
        "transfer.ingress_bytes": moved[protocol, "in"],
        "transfer.egress_bytes": moved[protocol, "out"],
        "command.login": accepted,
        "command.logout": total(metrics.ended_sessions, proto=protocol),
    }
    for command, operations in COMMANDS[protocol].items():
        found[f"command.{command}"] = sum(requests.get((protocol, name), 0) for name in operations)
    return found
