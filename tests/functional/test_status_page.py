"""
The status page in a real browser, before a real gateway with clients that really transfer.

``SWFTP_PICTURES=DIRECTORY`` keeps what it looked like.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

from prometheus_client.parser import text_string_to_metric_families

from tests.functional.browser import Browser
from tests.functional.case import MIB, GatewayCase, content
from tests.functional.processes import eventually, free_port

HOSTILE = '<img src=x onerror="document.title=1">&lt;b&gt; \u202egnp.exe'
ROWS = "[...document.querySelectorAll('#transfers li')]"


class StatusCase(GatewayCase):
    """A gateway with a status page."""

    port = free_port()
    gateway_options: ClassVar[dict[str, object]] = {"web.port": port}

    def get(self, path: str) -> str:
        """What is there."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def samples(self, name: str, **labels: str) -> float:
        """The sum of what Prometheus is told under *name*."""
        families = text_string_to_metric_families(self.get("/metrics"))
        found = (sample for family in families for sample in family.samples if sample.name == name)
        return sum(s.value for s in found if all(s.labels.get(k) == v for k, v in labels.items()))


class BrowserTests(StatusCase):
    """What an administrator sees."""

    def setUp(self) -> None:
        super().setUp()
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def sees(self, expression: str) -> None:
        """*expression* becomes true in the page within a few of its seconds."""
        if not eventually(lambda: self.browser.value(expression), 15.0, 0.2):
            self.fail(f"{expression} is not so in:\n{self.browser.value('document.body.innerText')}")

    def picture(self, name: str) -> None:
        """Keep what it looks like, if somebody wants that."""
        if folder := os.environ.get("SWFTP_PICTURES"):
            self.browser.picture(Path(folder) / f"{name}.png")

    def judge_page(self) -> None:
        """Nothing was asked of anybody else, nothing went wrong, nothing that a client called a file was run."""
        asked = {event["request"]["url"].split("/")[2] for event in self.browser.of("Network.requestWillBeSent")}
        self.assertEqual(asked, {f"127.0.0.1:{self.port}"})
        self.assertEqual(self.browser.of("Runtime.exceptionThrown"), [])
        self.assertEqual(
            [e["entry"] for e in self.browser.of("Log.entryAdded") if e["entry"]["level"] == "error"], []
        )
        self.assertEqual(self.browser.value("document.title"), "SwFTP")
        self.assertEqual(self.browser.value("document.querySelectorAll('main img').length"), 0)

    def test_transfers(self) -> None:
        """Who transfers what is seen as it moves, without a reload, and is gone when it is over."""
        data = content(8 * MIB)
        self.store.put(self.container, "download.bin", data)
        sftp = self.login()
        down = sftp.open(self.path("download.bin"), "rb", bufsize=0)
        down.read(2 * MIB)
        up = sftp.open(self.path(HOSTILE), "wb")
        up.set_pipelined(True)
        up.write(data[: 3 * MIB])
        self.browser.screen(1100, 900)
        self.browser.open(f"http://127.0.0.1:{self.port}/")
        self.sees(f"{ROWS}.length == 2")
        names = self.browser.value(f"{ROWS}.map(row => row.querySelector('.name').textContent).sort()")
        shown = self.path(HOSTILE).replace("\u202e", "\\u202e")
        self.assertEqual(names, sorted([self.path("download.bin"), shown]))
        bar = f"{ROWS}.find(row => row.className == 'out').querySelector('progress')"
        self.assertAlmostEqual(self.browser.value(f"{bar}.value"), 0.25, delta=0.2)
        self.assertFalse(
            self.browser.value(
                f"{ROWS}.find(row => row.className == 'in').querySelector('progress').hasAttribute('value')"
            )
        )
        self.browser.value("window.mark = 1")
        down.read(4 * MIB)
        self.sees(f"{bar}.value > 0.7")
        self.sees("document.querySelector('#chart-throughput path').getAttribute('d').length > 10")
        self.sees("document.getElementById('sessions').innerText.includes('SFTP')")
        self.picture("status")
        self.phone_and_dark()
        up.close()
        down.close()
        self.sees(f"{ROWS}.length == 0")
        self.assertEqual(self.browser.value("window.mark"), 1)
        self.judge_page()

    def phone_and_dark(self) -> None:
        """On a phone all of it fits; who wants it dark gets it dark."""
        light = self.browser.value("getComputedStyle(document.documentElement).backgroundColor")
        self.browser.screen(360, 740, dark=True, phone=True)
        self.assertNotEqual(self.browser.value("getComputedStyle(document.documentElement).backgroundColor"), light)
        self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), 360)
        self.picture("status-phone")

    def test_gateway_is_gone(self) -> None:
        """A page whose gateway does not answer says so, and goes on when it does again."""
        self.browser.open(f"http://127.0.0.1:{self.port}/")
        self.sees("document.getElementById('state').textContent == 'serving'")
        self.gateway.stop()
        self.sees("document.getElementById('state').textContent == 'no answer'")
        self.gateway.start()
        self.sees("document.getElementById('state').textContent == 'serving'")


class NumbersTests(StatusCase):
    """What programs are told."""

    def test_counted(self) -> None:
        """An upload and a download are counted once, to the byte, with what they asked of the store."""
        before = [self.samples("gw_transfer_bytes_total", dir=way) for way in ("in", "out")]
        asked = self.samples("gw_backend_requests_total", method="PUT", code_class="2xx")
        data = content(3 * MIB + 17)
        sftp = self.login()
        with sftp.open(self.path("a"), "wb") as file:
            file.set_pipelined(True)
            file.write(data)
        with sftp.open(self.path("a"), "rb") as file:
            self.assertEqual(file.read(), data)
        eventually(lambda: self.samples("gw_open_handles") == 0)
        after = [self.samples("gw_transfer_bytes_total", dir=way) for way in ("in", "out")]
        self.assertEqual([b - a for a, b in zip(before, after, strict=True)], [len(data)] * 2)
        self.assertGreater(self.samples("gw_backend_requests_total", method="PUT", code_class="2xx"), asked)
        self.assertGreater(self.samples("gw_auth_attempts_total", proto="sftp", method="password", result="ok"), 0)
        self.assertEqual(self.samples("gw_backend_inflight"), 0)

    def test_sessions(self) -> None:
        """Who is there, by name, address and protocol, until he leaves."""
        session = self.login()
        session.put(__file__, self.path("x"))
        (shown,) = [each for each in self.sessions() if each["session"]]
        self.assertEqual((shown["protocol"], shown["peer"]), ("sftp", "127.0.0.1"))
        self.assertLogged(f" put .*{self.path('x')}")
        session.close()
        self.assertTrue(eventually(lambda: self.sessions() == []))

    def sessions(self) -> list[dict[str, Any]]:
        """Who is logged in."""
        found: list[dict[str, Any]] = json.loads(self.get("/sessions"))["sessions"]
        return found

    def test_well(self) -> None:
        """It is well, and the store is there."""
        self.assertEqual((self.get("/healthz"), self.get("/readyz")), ("ok\n", "ok\n"))

    def test_statistics_of_2014(self) -> None:
        """A login and a listing are counted under their old names."""
        before = json.loads(self.get("/stats.json"))["totals"]
        self.login().listdir(self.path())
        after = json.loads(self.get("/stats.json"))["totals"]
        self.assertEqual(after["auth.succeed"] - before["auth.succeed"], 1)
        self.assertGreaterEqual(after["command.openDirectory"] - before["command.openDirectory"], 1)


class UnreadyTests(StatusCase):
    """A gateway whose store is not there."""

    port = free_port()
    gateway_options: ClassVar[dict[str, object]] = {
        "web.port": port,
        "auth.auth_url": f"http://127.0.0.1:{free_port()}/v3",
    }

    def test_not_ready(self) -> None:
        """It is well, and says that nobody should be sent to it."""
        self.assertEqual(self.get("/healthz"), "ok\n")
        error = self.assertRaises(urllib.error.HTTPError, self.get, "/readyz")
        self.assertEqual(error.code, 503)
        self.assertIn("the store is not there", error.read().decode())
