"""Who may ask what, and what he gets."""

from __future__ import annotations

import base64

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from swftp.web import Front, is_local, statistics
from swftp.web.front import HEADERS
from tests.web.case import Known, Reply, ask, front

TOKEN = "0123456789abcdef"
ALL = ("/", "/metrics", "/stats.json", "/sessions", "/status.json", "/healthz", "/readyz")


class PageTests(SynchronousTestCase):
    """What is where."""

    def setUp(self) -> None:
        self.known = Known()
        self.front = front(self.known)

    def ask(self, path: str, **how: str) -> Reply:
        """One request."""
        return ask(self.front, path, **how)

    def test_metrics(self) -> None:
        """Prometheus gets what it can read."""
        reply = self.ask("/metrics", more="Accept: application/openmetrics-text; version=1.0.0\r\n")
        self.assertEqual(reply.status, 200)
        self.assertTrue(reply.headers["content-type"].startswith("text/plain; version="))
        names = [family.name for family in text_string_to_metric_families(reply.body.decode())]
        self.assertEqual(names, ["gw_something"])

    def test_json(self) -> None:
        """Numbers, sessions and all that the page shows."""
        self.assertEqual(self.ask("/stats.json").json["totals"], {"auth.succeed": 1})
        self.assertEqual(self.ask("/sessions").json, {"sessions": [{"user": "</script><b>"}]})
        self.assertEqual(self.ask("/sessions").headers["content-type"], "application/json")
        self.assertEqual(self.ask("/status.json?since=17").json, {"state": "serving"})
        self.assertEqual(self.known.since, 17)

    def test_nonsense(self) -> None:
        """A number that is none is none; other paths, and what is no path, are not found."""
        for text in ("x", "-1", "9" * 40, "%00", ""):
            self.assertEqual(self.ask(f"/status.json?since={text}").status, 200)
            self.assertEqual(self.known.since, 0)
        for path in ("/../etc/passwd", "/%2e%2e/", "/page/index.html", "/<script>", "/metrics/"):
            reply = self.ask(path)
            self.assertEqual((reply.status, reply.body), (404, b"not found\n"))

    def test_health(self) -> None:
        """Well is 200, not well is 503 and says why; who is not well is not ready."""
        self.assertEqual((self.ask("/healthz").status, self.ask("/readyz").status), (200, 200))
        self.known.absence = "the store is not there"
        self.assertEqual((self.ask("/healthz").status, self.ask("/readyz").status), (200, 503))
        self.assertEqual(self.ask("/readyz").body, b"the store is not there\n")
        self.known.trouble, self.known.absence = "late", ""
        self.assertEqual((self.ask("/healthz").status, self.ask("/readyz").status), (503, 503))

    def test_headers(self) -> None:
        """Whatever the answer, nothing of elsewhere is run in it, and nobody keeps it."""
        for path in (*ALL, "/nothing"):
            reply = self.ask(path)
            self.assertEqual({n: reply.headers.get(n.lower()) for n in HEADERS}, HEADERS, path)
        self.assertIn("default-src 'none'", HEADERS["Content-Security-Policy"])
        self.assertNotIn("unsafe", HEADERS["Content-Security-Policy"])

    def test_only_looking(self) -> None:
        """HEAD says as much as GET without saying it; nothing else is allowed, whatever comes with it."""
        self.assertEqual((self.ask("/sessions", method="HEAD").status, self.ask("/", method="HEAD").body), (200, b""))
        body = f"Content-Length: 300000\r\n\r\n{'x' * 300000}"
        self.assertEqual(self.ask("/sessions", method="POST", more=body).status, 405)

    def test_internal_error(self) -> None:
        """A fault of ours is 500 without a traceback, and is logged."""
        self.known.status = lambda since: 1 / 0  # type: ignore[method-assign]
        reply = self.ask("/status.json")
        self.assertEqual((reply.status, reply.body), (500, b"internal error\n"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class AccessTests(SynchronousTestCase):
    """Who is answered."""

    def test_by_a_name_of_elsewhere(self) -> None:
        """Without a token nobody is answered under another name than the machine's own (DNS rebinding)."""
        open_front = front(Known())
        for host in ("evil.example", "evil.example:8080", "192.0.2.1", "localhost.evil.example", ""):
            self.assertEqual(ask(open_front, "/sessions", host=host).status, 421, host)
        for host in ("localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"):
            self.assertEqual(ask(open_front, "/sessions", host=host).status, 200, host)

    def test_local(self) -> None:
        """Addresses of loopback, and no name that only looks like one."""
        self.assertTrue(all(map(is_local, ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"))))
        self.assertFalse(any(map(is_local, ("0.0.0.0", "::", "", "127.0.0.1.nip.io", "10.0.0.1", "example.org"))))

    def test_no_text(self) -> None:
        """A host that is no UTF-8 is nobody's name, and no error of ours."""
        self.assertEqual(ask(front(Known()), "/", host="\udcff").status, 421)

    def test_token(self) -> None:
        """With one, it has to be shown: as Bearer, or as the password of any user."""
        guarded = front(Known(), TOKEN)
        basic = base64.b64encode(f"me:{TOKEN}".encode()).decode()
        for header in (f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Basic {basic}"):
            for path in ALL:
                reply = ask(guarded, path, host="gw.example", more=f"Authorization: {header}\r\n")
                self.assertEqual(reply.status, 200, (header, path))

    def test_wrong_token(self) -> None:
        """Anything else is refused alike, whether there is something at that path or not."""
        guarded = front(Known(), TOKEN)
        wrong = base64.b64encode(b"me:wrong").decode()
        headers = (
            "",
            f"Bearer {TOKEN}x",
            "Bearer",
            "Bearer ",
            f"Basic {wrong}",
            "Basic !",
            "Basic =",
            f"Token {TOKEN}",
            "Bearer \udcff",
            "Basic \udcff",
        )
        for header in headers:
            for path in ("/", "/metrics", "/sessions", "/status.json", "/stats.json", "/nothing"):
                more = f"Authorization: {header}\r\n" if header else ""
                reply = ask(guarded, path, more=more)
                self.assertEqual((reply.status, reply.body), (401, b"a token is needed\n"), (header, path))
                self.assertIn("Basic", reply.headers["www-authenticate"])

    def test_probes_need_none(self) -> None:
        """A load balancer learns yes or no without one, by whatever name it asks."""
        guarded = front(Known(), TOKEN)
        for path in ("/healthz", "/readyz"):
            self.assertEqual(ask(guarded, path, host="10.0.0.1").status, 200)

    def test_of_2014(self) -> None:
        """Its own listener tells anybody the numbers, and nothing else."""
        classic = Front(statistics(Known().statistics), anybody=True)
        self.assertEqual(ask(classic, "/stats.json", host="gw.example").status, 200)
        for path in ("/", "/sessions", "/metrics", "/status.json"):
            self.assertEqual(ask(classic, path, host="gw.example").status, 404)
