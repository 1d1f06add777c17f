"""
10,000 guesses from one address, and as many from a hundred addresses, while a user elsewhere logs in (bar A17).

Bars: <= 20 questions to the identity service an address in ten minutes; the user's logins <= 2 s (99 %).
"""

import ftplib
import statistics
import threading
import time

from tests.acceptance import rig
from tests.acceptance.identity import NAME, SECRET, Identity
from tests.functional.ftp import FtpGateway

VICTIM = "127.0.0.1"


def login(port: int, source: str, password: str) -> bool:
    """Whether a login from *source* was looked at and let in."""
    client = ftplib.FTP()
    try:
        client.connect("127.0.0.1", port, 60, source_address=(source, 0))
        client.login(NAME, password)
    except (ftplib.Error, EOFError, OSError):
        return False
    finally:
        client.close()
    return True


def guess(port: int, sources: list[str], guesses: int, threads: int) -> None:
    """All of them, as fast as they are answered."""
    left = [(sources[n % len(sources)], f"guess-{n}") for n in range(guesses)]

    def work() -> None:
        while left:
            login(port, *left.pop())

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def main() -> None:
    given = rig.options(__doc__, guesses=10_000, threads=20)
    bars = rig.Bars()
    for addresses in (1, 100):
        identity = Identity(lambda name: 0.05)
        limits = {f"limits.{name}": 0 for name in ("startups_per_peer", "startups_start", "startups_full")}
        gateway = FtpGateway(identity.url, {"throttle.most": 600, "sessions_per_user": 0, **limits})
        taken: list[float] = []
        over = threading.Event()

        def user(port: int = gateway.port, taken: list[float] = taken, over: threading.Event = over) -> None:
            while not over.wait(0.5):
                begun = time.monotonic()
                if login(port, VICTIM, SECRET):
                    taken.append(time.monotonic() - begun)

        witness = threading.Thread(target=user)
        witness.start()
        begun = time.monotonic()
        guess(gateway.port, [f"127.1.0.{n + 1}" for n in range(addresses)], given.guesses, given.threads)
        seconds = time.monotonic() - begun
        over.set()
        witness.join()
        wrong = len(identity.asked) - 1  # the user's, which is remembered
        print(f"      {given.guesses} guesses from {addresses} addresses in {seconds:.0f} s: {wrong} were looked at")
        bars.at_most(f"questions an address, of {addresses}", wrong / addresses, 20)
        slow = statistics.quantiles(taken, n=100)[-1] if len(taken) > 1 else float("inf")
        bars.at_most(f"the user's login, {len(taken)} of them", slow, 2, "s")
        gateway.stop()
    bars.finish()


if __name__ == "__main__":
    main()
