"""Real redis-server processes of the functional tests."""

from __future__ import annotations

import functools
import uuid

import redis

from tests.functional.case import need
from tests.functional.processes import Child, answers, free_port, scratch

PASSWORD = "not secret"


class Redis:
    """A running redis-server without persistence, and a client of another make to look into it."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.options = options
        self.start()

    def start(self) -> None:
        """Run it (again), empty."""
        name = f"redis-{uuid.uuid4().hex[:6]}"
        folder = scratch() / name
        folder.mkdir()
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self.child = Child(name, [need("redis-server"), *fixed, *self.options])
        self.child.wait_for(lambda: answers(self.port))

    def url(self, database: int = 0, password: str = PASSWORD) -> str:
        """Of a shard in it."""
        secret = f":{password.replace(' ', '%20')}@" if "--requirepass" in self.options else ""
        return f"redis://{secret}127.0.0.1:{self.port}/{database}"

    def client(self, database: int = 0) -> redis.Redis:
        """redis-py's."""
        password = PASSWORD if "--requirepass" in self.options else None
        return redis.Redis(port=self.port, db=database, password=password, protocol=2)


@functools.cache
def redis_server(*options: str) -> Redis:
    """The server of this test process that was started with *options*."""
    return Redis(*options)
