"""Options of what an administrator sees: logs, status page, metrics.  As in `swftp.config.sections`."""

from __future__ import annotations

from dataclasses import dataclass

from swftp.config.fields import command_line, setting
from swftp.secretfiles import located


@dataclass(frozen=True, kw_only=True, slots=True)
class LogConfig:
    """``[log]``: what the foreground commands print; under twistd its own options decide."""

    format: str = setting("text", "text, or one JSON object a line", choices=("text", "json"))
    level: str = setting("info", "the least that is logged", choices=("debug", "info", "warn", "error", "critical"))
    audit: str = setting("", "file of who logged in, was refused, and read or changed what, in JSON; default: none")


KINDS = ("upload", "download", "remove", "rename", "mkdir", "rmdir", "copy", "login", "logout", "login_failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class EventsConfig:
    """
    ``[events]``: JSON to a URL, a command or both when something has happened, as for pipelines that begin with a
    file.
    """

    url: str = setting("", "where events are posted; default: nowhere")
    secret_file: str = setting("", "file of the secret that signs what is posted (HMAC-SHA256)", read=located)
    command: str = setting(
        "",
        "program, by its absolute path, and arguments that no shell reads; it is run for each event, which is its "
        "standard input; default: none",
        read=command_line,
    )
    command_timeout: float = setting(
        60.0, "after which a run of it is killed, with all that it started", unit="seconds", least=1
    )
    at_once: int = setting(1, "events told at one time; with more than one their order is lost", least=1, most=64)
    on: tuple[str, ...] = setting(("upload",), "what is told", choices=KINDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class WebConfig:
    """``[web]``: the status page, metrics for Prometheus, and what tells a load balancer whether we are well."""

    port: int = setting(0, "port to listen on; 0: there is none of this", most=65535)
    host: str = setting("127.0.0.1", "address to listen on; any but one of loopback needs token_file")
    listen: tuple[str, ...] = setting(
        (), "Twisted endpoints to listen on instead of host and port, as in ssl:8443:privateKey=/k:certKey=/c"
    )
    token_file: str = setting(
        "",
        "file of the token that whoever asks has to show, as Bearer or as the password of any user",
        read=located,
    )
    per_login: bool = setting(False, "count bytes for each login, of which the first 100 have a series of their own")
