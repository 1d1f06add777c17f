"""
Values of 1 MiB to a redis-server and back: our shard, txredisapi and redis-py, each in a process of its own.

Bar: our CPU a MiB is no more than redis-py's, which waits for each answer before it asks again; ours and txredisapi
have four calls under way.
"""

import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.acceptance import rig

MIB = 1 << 20
KEYS = 16
WAYS = ("SET", "GET")
CLIENTS = ("ours", "txredisapi", "redis-py")


def report(count: int, calls: Callable[[], Any]) -> None:
    """Carry out *calls* and print MB/s and CPU milliseconds a MiB."""
    wall, cpu = time.perf_counter(), time.process_time()
    calls()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(count * MIB / wall / 1e6, cpu / count * 1e3, flush=True)


def by_redis_py(port: int, count: int, value: bytes) -> None:
    """One call after the other."""
    import redis

    client = redis.Redis(port=port, protocol=2)
    report(count, lambda: [client.set(b"%d" % (index % KEYS), value) for index in range(count)])
    report(count, lambda: [client.get(b"%d" % (index % KEYS)) for index in range(count)])


async def by_twisted(reactor: Any, name: str, port: int, count: int, value: bytes) -> None:
    """Four at once."""
    from twisted.internet.defer import ensureDeferred, gatherResults

    if name == "ours":
        from twisted.internet.threads import deferToThread

        from swftp.storage.zerostor.shards import open_shard

        shard = open_shard(f"redis://127.0.0.1:{port}/0", reactor, deferToThread)
        put, get = shard.put, shard.get
    else:
        import txredisapi

        client = await txredisapi.Connection("127.0.0.1", port, charset=None, convertNumbers=False)
        put, get = client.set, client.get
    for call in (lambda key: put(key, value), get):
        keys = iter([b"%d" % (index % KEYS) for index in range(count)])

        async def work(call: Any = call, keys: Any = keys) -> None:
            for key in keys:
                await call(key)

        wall, cpu = time.perf_counter(), time.process_time()
        await gatherResults([ensureDeferred(work()) for _ in range(4)])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(count * MIB / wall / 1e6, cpu / count * 1e3, flush=True)


def child(name: str, port: int, count: int) -> None:
    """One client, in its own process, with the allocator that the gateway has."""
    from twisted.internet import epollreactor

    from swftp.ssh.malloc import keep_buffers

    keep_buffers()
    value = os.urandom(MIB)
    if name == "redis-py":
        by_redis_py(port, count, value)
        return
    epollreactor.install()
    from twisted.internet.defer import ensureDeferred
    from twisted.internet.task import react

    react(lambda reactor: ensureDeferred(by_twisted(reactor, name, port, count, value)))


def main() -> None:
    given = rig.options(__doc__, rounds=5, count=512)
    from tests.functional.redisserver import Redis

    server, bars = Redis(), rig.Bars()
    speed, cost = defaultdict(list), defaultdict(list)
    for _ in range(given.rounds):
        for name in CLIENTS:
            argv = [sys.executable, "-m", __spec__.name, "child", name, str(server.port), str(given.count)]
            lines = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
            for way, line in zip(WAYS, lines, strict=True):
                rate, cpu = map(float, line.split())
                speed[name, way].append(rate)
                cost[name, way].append(cpu)
    for way in WAYS:
        median = {name: statistics.median(cost[name, way]) for name in CLIENTS}
        rates = {name: statistics.median(speed[name, way]) for name in CLIENTS}
        print(
            f"      {way}: "
            + ", ".join(f"{name} {median[name]:.2f} ms/MiB {rates[name]:.0f} MB/s" for name in CLIENTS)
        )
        bars.at_most(f"{way}, CPU to redis-py's", median["ours"] / median["redis-py"], 1.0)
    server.child.kill()
    bars.finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
