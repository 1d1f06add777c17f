"""An identity service that counts: one login is right, all others are wrong, and answers take as long as is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, SECRET = "test:known", "right"


class Identity:
    """
    TempAuth's way to log in (``v1password``), on a free port of loopback.

    :ivar asked: logins that it was asked for, right ones among them.
    """

    def __init__(self, takes: Callable[[str], float] = lambda name: 0.0) -> None:
        """
        :param takes: seconds, by login name.
        """
        self.asked: list[str] = []
        identity = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                name = self.headers.get("X-Auth-User", "")
                identity.asked.append(name)
                time.sleep(takes(name))
                right = name == NAME and self.headers.get("X-Auth-Key") == SECRET
                self.send_response(200 if right else 401)
                if right:
                    self.send_header("X-Storage-Url", f"{identity.base}/v1/AUTH_test")
                    self.send_header("X-Auth-Token", "AUTH_tk0")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.base}/auth/v1.0"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
