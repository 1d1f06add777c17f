"""
One large file by curl through FTP to zerostor, ``ec:2+1`` on three redis-servers, and back.

Bars: >= 150 MB/s both ways, and >= 0.4 of what redis-py does with values of 1 MiB on one of those servers in between.
"""

import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict

from tests.acceptance import rig
from tests.functional.processes import scratch
from tests.functional.redisserver import Redis
from tests.functional.zerostor import PASSWORD, USER, Place, Server

MIB = 1 << 20
WAYS = ("up", "down")


def through(server: Server, way: str, path: str, size: int) -> tuple[float, float]:
    """MB/s, and CPU seconds a GiB of the gateway's process."""
    url = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{server.ports['ftp']}/f"
    argv = [rig.tool("curl"), "-sS", *(("-T", path) if way == "up" else ("-o", path)), url]
    cpu, wall = server.child.cpu(), time.perf_counter()
    subprocess.run(argv, check=True)
    wall, cpu = time.perf_counter() - wall, server.child.cpu() - cpu
    return size / wall / 1e6, cpu / size * (1 << 30)


def plain(server: Redis, count: int) -> list[float]:
    """MB/s of SET and of GET, by redis-py in a process of its own."""
    argv = [sys.executable, "-m", "tests.acceptance.shard_clients", "child", "redis-py", str(server.port), str(count)]
    lines = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    server.client().flushdb()
    return [float(line.split()[0]) for line in lines]


def main() -> None:
    given = rig.options(__doc__, rounds=3, size=1 << 30)
    shards, beside, bars = [Redis() for _ in range(3)], Redis(), rig.Bars()
    place = Place([shard.url() for shard in shards], chunk_size="4MiB")
    config = place.config.read_text().splitlines(keepends=True)
    place.config.write_text("".join(line for line in config if not line.startswith("segment_size")))
    place.configure = lambda *_, **__: place.config  # type: ignore[method-assign]
    server = Server(place)
    source, back = scratch() / "source", scratch() / "back"
    with source.open("wb") as file:
        for _ in range(given.size // MIB):
            file.write(os.urandom(MIB))
    speed, cost, peer = defaultdict(list), defaultdict(list), defaultdict(list)
    for _ in range(given.rounds):
        for way, rate in zip(WAYS, plain(beside, 400), strict=True):
            peer[way].append(rate)
            path = source if way == "up" else back
            fast, cpu = through(server, way, str(path), given.size)
            speed[way].append(fast)
            cost[way].append(cpu)
    bars.at_least("what came down is right", subprocess.call(["cmp", "-s", str(source), str(back)]) == 0, 1)
    for way in WAYS:
        ours, theirs = statistics.median(speed[way]), statistics.median(peer[way])
        print(
            f"      {way}: {ours:.0f} MB/s, {statistics.median(cost[way]):.2f} CPU s/GiB; redis-py {theirs:.0f} MB/s"
        )
        bars.at_least(f"{way}, MB/s", ours, 150)
        bars.at_least(f"{way}, to redis-py's", ours / theirs, 0.4)
    server.child.kill()
    for one in (*shards, beside):
        one.child.kill()
    bars.finish()


if __name__ == "__main__":
    main()
