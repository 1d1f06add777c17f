"""
Logins for a minute, as many as the gateway takes, with an identity service that answers at once (bar A3).

Bars: >= 50 a second of one core of the gateway; 99 % of them <= 1 s.
"""

import multiprocessing
import statistics
import time

import paramiko

from tests.acceptance import rig
from tests.acceptance.identity import NAME, SECRET, Identity
from tests.functional.gateway import Gateway

KEX = ("curve25519-sha256@libssh.org",)


def work(port: int, until: float, taken: "multiprocessing.Queue[list[float]]") -> None:
    """Log in, and out, until it is time."""
    found = []
    while time.time() < until:
        begun = time.perf_counter()
        transport = paramiko.Transport(("127.0.0.1", port))
        transport.get_security_options().kex = KEX
        transport.connect(username=NAME, password=SECRET)
        found.append(time.perf_counter() - begun)
        transport.close()
    taken.put(found)


def main() -> None:
    given = rig.options(__doc__, seconds=60, clients=4)
    identity, bars = Identity(), rig.Bars()
    gateway = Gateway(identity.url, {"sessions_per_user": 0})
    taken: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    busy, until = gateway.child.cpu(), time.time() + given.seconds
    clients = [multiprocessing.Process(target=work, args=(gateway.port, until, taken)) for _ in range(given.clients)]
    for client in clients:
        client.start()
    times = [seconds for _ in clients for seconds in taken.get()]
    busy = gateway.child.cpu() - busy
    print(
        f"      {len(times)} logins in {given.seconds} s: {len(times) / given.seconds:.0f} a second, clients included"
    )
    bars.at_least("logins a second of a core of the gateway", len(times) / busy, 50)
    bars.at_most("the slowest of a hundred", statistics.quantiles(times, n=100)[-1], 1, "s")
    gateway.stop()
    bars.finish()


if __name__ == "__main__":
    main()
