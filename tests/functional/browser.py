"""
Chromium without a window, told what to do over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/).

It is spoken over two pipes: that takes no WebSocket and no port.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.functional.case import need
from tests.functional.processes import eventually, mortal, scratch

TIMEOUT = 30.0
"""Seconds that an answer may take."""


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are neither of the descriptors that the browser uses."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]


class Browser:
    """
    One page.

    :ivar events: what the browser said unasked, oldest first.
    """

    def __init__(self) -> None:
        to_browser, self._out = _pipe()
        self._in, from_browser = _pipe()
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]
        flags += ["--disable-dev-shm-usage", "--disable-component-update", "--mute-audio", "--hide-scrollbars"]
        command = [need("chromium"), *flags, "--remote-debugging-pipe", f"--user-data-dir={scratch() / 'chromium'}"]
        shell = f'exec "$@" about:blank 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            [*mortal(), "bash", "-c", shell, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.do(f"{domain}.enable")

    def close(self) -> None:
        """End it."""
        os.close(self._out)
        self._process.kill()
        self._process.wait()
        os.close(self._in)

    def do(self, method: str, **params: object) -> dict[str, Any]:
        """What *method* gives."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + TIMEOUT
        while True:
            answer = self._message(end)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                found: dict[str, Any] = answer["result"]
                return found
            self.events.append(answer)

    def _message(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            got = os.read(self._in, 1 << 20) if ready else b""
            if not got:
                raise AssertionError("the browser does not answer")
            self._buffer += got
        raw, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        return message

    def open(self, url: str) -> None:
        """Go to *url*, and wait until it is there."""
        self.do("Page.navigate", url=url)
        there = f"location.href == {json.dumps(url)} && document.readyState == 'complete'"
        if not eventually(lambda: self.value(there), TIMEOUT):
            raise AssertionError(f"{url} does not load")

    def value(self, expression: str) -> Any:
        """What *expression* is in the page."""
        found = self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def screen(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """As on a screen of that size."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """A screenshot as a PNG file."""
        path.write_bytes(base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"]))

    def of(self, method: str) -> list[dict[str, Any]]:
        """Parameters of the events *method* so far."""
        return [event["params"] for event in self.events if event.get("method") == method]
