"""``python -m tests.zdbfake --port 0``: a 0-db in its own process; prints its port and ends with standard input."""

from __future__ import annotations

import argparse
import sys

from twisted.internet import reactor, stdio
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.zdbfake.server import Server


class UntilEnd(Protocol):
    """Ends the process with its standard input."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody needs us."""
        if reactor.running:
            reactor.stop()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=9900)
    parser.add_argument("--admin")
    parser.add_argument("--mode", choices=("user", "seq"), default="user")
    options = parser.parse_args()
    server = Server(options.admin, options.mode == "seq")
    port = reactor.listenTCP(options.port, server.factory(), interface="127.0.0.1")
    print(f"port {port.getHost().port}", flush=True)
    stdio.StandardIO(UntilEnd())
    reactor.run()
    sys.exit(0)


main()
