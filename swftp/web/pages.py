"""What is at which path."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from twisted.web.server import Request

from swftp.web.front import JSON, Answer, Page

METRICS = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus's own text format."""
ASSETS = {
    b"/": ("index.html", "text/html; charset=utf-8"),
    b"/style.css": ("style.css", "text/css; charset=utf-8"),
    b"/page.js": ("page.js", "text/javascript; charset=utf-8"),
    b"/charts.js": ("charts.js", "text/javascript; charset=utf-8"),
    b"/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Path -> file and type."""


class Answers(Protocol):
    """Who knows."""

    registry: CollectorRegistry

    async def look(self) -> None:
        """What is asked for next is to be as it is now."""

    def status(self, since: int) -> Mapping[str, Any]:
        """For the status page; what came after point *since* of its history."""

    def sessions(self) -> list[dict[str, Any]]:
        """Who is logged in."""

    def statistics(self) -> Mapping[str, Mapping[str, float]]:
        """``totals`` and ``rates``, as in 2014."""

    def healthy(self) -> str:
        """Why the process is not well; "": it is."""

    async def ready(self) -> str:
        """Why nobody should be sent here; "": anybody may."""


def pages(answers: Answers) -> dict[bytes, Page]:
    """All of them."""

    async def metrics(request: Request) -> Answer:
        await answers.look()
        # not OpenMetrics, whoever asks for that: there a gauge gw_connections and gw_connections_total cannot be
        return Answer(generate_latest(answers.registry), METRICS)

    async def status(request: Request) -> Answer:
        await answers.look()
        since = (request.args or {}).get(b"since", [b"0"])[-1]
        return _json(answers.status(int(since) if since.isdigit() and len(since) < 16 else 0))

    async def sessions(request: Request) -> Answer:
        await answers.look()
        return _json({"sessions": answers.sessions()})

    async def healthy(request: Request) -> Answer:
        return _verdict(answers.healthy())

    async def ready(request: Request) -> Answer:
        return _verdict(answers.healthy() or await answers.ready())

    found = {path: Page(_file(*asset)) for path, asset in ASSETS.items()}
    found |= {b"/metrics": Page(metrics), b"/status.json": Page(status), b"/sessions": Page(sessions)}
    found |= {b"/healthz": Page(healthy, public=True), b"/readyz": Page(ready, public=True)}
    return found | statistics(answers.statistics)


def statistics(numbers: Callable[[], Mapping[str, Mapping[str, float]]]) -> dict[bytes, Page]:
    """``/stats.json`` alone."""

    async def stats(request: Request) -> Answer:
        return _json(numbers())

    return {b"/stats.json": Page(stats)}


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode() + b"\n", JSON)


def _verdict(trouble: str) -> Answer:
    return Answer(f"{trouble or 'ok'}\n".encode(), status=503 if trouble else 200)


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Answer]]:
    answer = Answer(files("swftp.web").joinpath("page", name).read_bytes(), kind)

    async def asset(request: Request) -> Answer:
        return answer

    return asset
