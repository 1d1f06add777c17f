"""What a worker runs: ``python -P -m swftp.workers``, which nobody but a supervisor starts."""

from __future__ import annotations

from swftp import logs, service
from swftp.workers.relay import Relay
from swftp.workers.worker import Worker


def main() -> None:
    """Until the supervisor says so."""
    relay = Relay()
    set_level = logs.begin(relay, "info")
    service.run(lambda reactor: Worker(reactor, service.worker_of(reactor), relay, set_level), deaf=True)


if __name__ == "__main__":
    main()
