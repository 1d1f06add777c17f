"""
Log lines: one event, one line, whatever a client put into its fields, and never a secret.

The foreground commands log by this; ``twistd --logger swftp.logs.text`` (or ``json``) does the same, and without it
Twisted's own file or syslog observers write.
"""

from __future__ import annotations

import json as json_format
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)
from zope.interface import provider

from swftp.traces import DETAIL

FIELD_LIMIT = 1536
"""Characters of one field; a path is never longer (`swftp.paths`), a message of somebody else's may be."""
TRACEBACK_LIMIT = 16384
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What could end a line, move a terminal's cursor, or turn text around."""
SECRET = re.compile(
    r"(?i)\b(x-(?:auth|storage|service|subject)-(?:token|key|pass)|authorization|cookie)"
    r"""(\W{1,6}(?:b['"])?(?:(?:basic|bearer) +)?)[^\s'",;\])}]+"""
)
INTERNAL = re.compile(r"log_|time$|format$|isError$|why$|failure$|message$|system$")
"""Keys of an event that are Twisted's, not a field."""


def text() -> ILogObserver:
    """Lines of text on standard output, for ``twistd --logger``."""
    return observer("text", LogLevel.info, sys.stdout)


def json() -> ILogObserver:
    """Lines of JSON on standard output, for ``twistd --logger``."""
    return observer("json", LogLevel.info, sys.stdout)


def start(form: str, level: str, stream: TextIO) -> Callable[[str], None]:
    """
    Log to *stream* from now on; *form* and *level* are options ``format`` and ``level`` of ``[log]``.

    Returns what sets another level.
    """
    return begin(_writer(form, stream), level)


def begin(write: ILogObserver, level: str) -> Callable[[str], None]:
    """
    Log by *write* from now on, from *level* on.

    Returns what sets another level.
    """
    predicate = _predicate(LogLevel.lookupByName(level))
    writer = FilteringLogObserver(write, [predicate])
    globalLogBeginner.beginLoggingTo([writer], redirectStandardIO=False, discardBuffer=False)

    def set_level(other: str) -> None:
        _set_level(predicate, LogLevel.lookupByName(other))

    return set_level


def observer(form: str, level: Any, stream: TextIO) -> ILogObserver:
    """What writes our events from *level* on, and other people's warnings, to *stream*."""
    return FilteringLogObserver(_writer(form, stream), [_predicate(level)])


def _writer(form: str, stream: TextIO) -> ILogObserver:
    render = FORMATS[form]

    @provider(ILogObserver)
    def write(event: LogEvent) -> None:
        try:
            stream.write(render(event) + "\n")
            stream.flush()
        except (OSError, ValueError):
            return  # nowhere to say so: a full disk or a closed pipe must not stop the service

    writer: ILogObserver = write
    return writer


def _predicate(level: Any) -> LogLevelFilterPredicate:
    predicate = LogLevelFilterPredicate()
    _set_level(predicate, level)
    return predicate


def _set_level(predicate: LogLevelFilterPredicate, level: Any) -> None:
    predicate.setLogLevelForNamespace("", max(level, LogLevel.warn, key=_rank))
    predicate.setLogLevelForNamespace("swftp", level)
    predicate.setLogLevelForNamespace(DETAIL, LogLevel.info)


def _rank(level: Any) -> int:
    return list(LogLevel.iterconstants()).index(level)


def as_text(event: LogEvent) -> str:
    """Time, level, namespace and message; a traceback follows on the same line, its line ends escaped."""
    level, namespace = event.get("log_level", LogLevel.info).name, event.get("log_namespace", "-")
    line = f"{_time(event)} {level:<8} {namespace} {_message(event)}"
    trace = _traceback(event)
    return f"{line} | {trace}" if trace else line


def as_json(event: LogEvent) -> str:
    """``time``, ``level``, ``namespace``, ``message``, and the event's own fields as they are called."""
    line: dict[str, Any] = {
        "time": _time(event),
        "level": event.get("log_level", LogLevel.info).name,
        "namespace": event.get("log_namespace", "-"),
        "message": _message(event),
    }
    for name, value in event.items():
        if not INTERNAL.match(name) and name not in line:
            line[name] = plain(value)
    if trace := _traceback(event):
        line["traceback"] = trace
    return json_format.dumps(line)


def portable(event: LogEvent) -> dict[str, Any]:
    """*event* as JSON can carry it to another process; `restored` makes an event of it again."""
    trace = _traceback(event)
    return {
        "time": event.get("log_time", 0.0),
        "level": event.get("log_level", LogLevel.info).name,
        "namespace": event.get("log_namespace", "-"),
        "message": f"{_message(event)} | {trace}" if trace else _message(event),
        "fields": {name: plain(value) for name, value in event.items() if not INTERNAL.match(name)},
    }


def restored(line: Mapping[str, Any]) -> LogEvent:
    """See `portable`."""
    return {
        **line["fields"],
        "log_time": line["time"],
        "log_level": LogLevel.lookupByName(line["level"]),
        "log_namespace": line["namespace"],
        "log_format": line["message"].replace("{", "{{").replace("}", "}}"),
        "log_whole": True,
    }


FORMATS: dict[str, Callable[[LogEvent], str]] = {"text": as_text, "json": as_json}


def plain(value: Any) -> Any:
    """*value* for JSON: a number as it is, anything else as `clean` text."""
    return value if isinstance(value, bool | int | float | None) else clean(str(value))


def clean(words: str, limit: int = FIELD_LIMIT) -> str:
    """*words* on one line, without control characters and secrets, cut to *limit*."""
    words = SECRET.sub(r"\1\2***", words[: limit + 1])
    if len(words) > limit:
        words = words[:limit] + "…"
    return UNSAFE.sub(_escaped, words)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def _time(event: LogEvent) -> str:
    return datetime.fromtimestamp(event.get("log_time", 0.0), UTC).isoformat(timespec="milliseconds")


def _message(event: LogEvent) -> str:
    words = eventAsText(event, includeTraceback=False, includeTimestamp=False, includeSystem=False)
    if event.get("log_whole"):
        return words  # was made fit, in another process
    return clean(words, 4 * FIELD_LIMIT)


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return clean(failure.getTraceback(), TRACEBACK_LIMIT) if failure is not None else ""
