"""
What chunks cost: sealing and cutting, joining and opening, and both with three redis-servers behind them.

Bar: one core seals and cuts, or joins and opens, at least 250 MB/s of random data (``ec:2+1``, 4 MiB).  Speeds with
redis are printed beside those of redis-py, which sets and gets values of 1 MiB, of the same run.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

from swftp.storage.zerostor.chunks import ChunkOptions, Chunks, CodecOptions, Keyring, Layout, MasterKeys, ShardInfo
from swftp.storage.zerostor.chunks.fragments import make, plain_of
from swftp.storage.zerostor.values import Chunk, ObjectId
from tests.acceptance import rig

MIB = 1 << 20
SIZE = 4 * MIB
LAYOUT = Layout(2, 1)
KEY = bytes(32)
IN_FLIGHT = 4


def kinds() -> dict[str, list[bytes]]:
    """Data that does not shrink, and data that halves."""
    dice = random.Random(1)
    words = [dice.randbytes(dice.randint(2, 9)).hex().encode() for _ in range(4000)]
    text = [b" ".join(dice.choices(words, k=SIZE // 9))[:SIZE] for _ in range(2)]
    return {"random": [os.urandom(SIZE) for _ in range(4)], "text": text}


def per_core(count: int, task: Callable[[int], Any]) -> float:
    """MB of plain data a CPU second."""
    task(0)
    begin = time.process_time()
    for index in range(count):
        task(index)
    return count * SIZE / 1e6 / (time.process_time() - begin)


def codec(count: int) -> Iterator[tuple[str, float]]:
    """What one core does, without shards."""
    for kind, plain in kinds().items():
        yield from one_kind(kind, plain, count)


def one_kind(kind: str, plain: list[bytes], count: int) -> Iterator[tuple[str, float]]:
    """Of one kind of data."""
    many = len(plain)
    objs = [ObjectId(bytes(16), seq) for seq in range(many)]
    build = partial(make, key=KEY, layout=LAYOUT, options=CodecOptions(), entropy=os.urandom)
    made = [build(data, obj) for data, obj in zip(plain, objs, strict=True)]
    values = [{n: b"".join(part.value) for n, part in enumerate(one.fragments)} for one in made]
    chunks = [
        Chunk(obj, SIZE, one.stored_len, str(LAYOUT), 1, (1, 2, 3), b"".join(f.digest for f in one.fragments))
        for obj, one in zip(objs, made, strict=True)
    ]

    def opened(which: int, *numbers: int) -> bytes:
        return plain_of(chunks[which], {n: values[which][n] for n in numbers}, KEY)

    yield f"{kind}, in", per_core(count, lambda i: build(plain[i % many], objs[i % many]))
    yield f"{kind}, out", per_core(count, lambda i: opened(i % many, 0, 1))
    yield f"{kind}, out, one lost", per_core(count, lambda i: opened(i % many, 1, 2))


async def with_shards(reactor: Any, ports: list[int], count: int) -> None:
    """Put and get *count* chunks, and print MB/s and CPU milliseconds a MiB."""
    from twisted.internet.defer import ensureDeferred, gatherResults
    from twisted.internet.threads import deferToThread

    from swftp.storage.zerostor.shards import open_shard
    from tests.storage.zerostor.chunks.fakes import MemoryKeys

    shards = {
        port: ShardInfo(port, open_shard(f"redis://127.0.0.1:{port}/0", reactor, deferToThread)) for port in ports
    }
    keyring = Keyring(MasterKeys((KEY,)), MemoryKeys())
    chunks = Chunks(shards, ChunkOptions(), keyring, reactor, deferToThread)
    plain, stored = kinds()["random"], []
    numbers = iter(range(count))

    async def put() -> None:
        for number in numbers:
            stored.append(await chunks.put(ObjectId(b"1" * 16, number), UUID(int=1), plain[number % 4]))

    async def get() -> None:
        while stored:
            await chunks.get(stored.pop(), UUID(int=1))

    for way in (put, get):
        wall, cpu = time.perf_counter(), time.process_time()
        await gatherResults([ensureDeferred(way()) for _ in range(IN_FLIGHT)])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"{way.__name__}: {count * SIZE / 1e6 / wall:.0f} MB/s, {cpu * 1e3 / (count * 4):.2f} ms/MiB", flush=True
        )
    for info in shards.values():
        await info.shard.close()


def plain_redis(port: int, count: int) -> None:
    """Set and get values of 1 MiB, one after the other."""
    import redis

    client, value = redis.Redis(port=port, protocol=2), os.urandom(MIB)
    for name, call in (("SET", lambda key: client.set(key, value)), ("GET", client.get)):
        wall = time.perf_counter()
        for index in range(count):
            call(b"%d" % (index % 16))
        print(f"redis-py {name}: {count * MIB / 1e6 / (time.perf_counter() - wall):.0f} MB/s", flush=True)


def child(what: str, ports: list[int], count: int) -> None:
    """One measurement in a process of its own, with the allocator that the gateway has."""
    from swftp.ssh.malloc import keep_buffers

    keep_buffers()
    if what == "codec":
        for name, rate in codec(count):
            print(f"{name}: {rate:.0f}")
    elif what == "redis":
        plain_redis(ports[0], 4 * count)
    else:
        from twisted.internet.defer import ensureDeferred
        from twisted.internet.task import react

        react(lambda reactor: ensureDeferred(with_shards(reactor, ports, count)))


def main() -> None:
    given = rig.options(__doc__, count=100)
    from tests.functional.redisserver import Redis

    servers, bars = [Redis() for _ in range(3)], rig.Bars()
    for what in ("codec", "redis", "shards"):
        argv = [sys.executable, "-m", __spec__.name, "child", what, str(given.count), *(str(s.port) for s in servers)]
        lines = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
        for line in lines:
            print(f"      {line}" + (" MB/s a core" if what == "codec" else ""))
            name, _, figure = line.partition(": ")
            if what == "codec" and name in ("random, in", "random, out"):
                bars.at_least(f"{name}, MB/s a core", float(figure), 250)
    for server in servers:
        server.child.kill()
    bars.finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], [int(port) for port in sys.argv[4:]], int(sys.argv[3]))
    else:
        main()
