"""What each verb answers: a row of `COMMANDS` and a function of the session and the words, verb included."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

from tests.zdbfake.store import DEFAULT, Namespace, Record, cursor_of, place_of

KEY = 255
"""Bytes of the longest key."""
DISK = 100 << 30
"""Bytes that the disk below has room for."""
NIL, OK = b"$-1\r\n", b"+OK\r\n"

Words = list[bytes]


def error(text: str) -> bytes:
    """An error reply."""
    return f"-{text}\r\n".encode()


def integer(value: int) -> bytes:
    """A number."""
    return b":%d\r\n" % value


def bulk(value: bytes) -> bytes:
    """A string."""
    return b"$%d\r\n%s\r\n" % (len(value), value)


def array(items: Iterable[bytes]) -> bytes:
    """A list of replies."""
    replies = list(items)
    return b"*%d\r\n" % len(replies) + b"".join(replies)


def arguments(count: int, empty: bool = False) -> Callable[[Any], Any]:
    """Refuse another number of words than *count*, and, unless *empty*, words without bytes."""

    def wrap(command: Any) -> Any:
        def checked(session: Any, words: Words) -> bytes:
            if len(words) != count:
                return error("Unexpected arguments")
            if not empty and not all(words):
                return error("Invalid argument")
            reply: bytes = command(session, words)
            return reply

        return checked

    return wrap


def of_key(command: Any) -> Any:
    """A command with one key: refused when that is too long."""

    @arguments(2)
    def checked(session: Any, words: Words) -> bytes:
        if len(words[1]) > KEY:
            return error("Invalid key")
        reply: bytes = command(session, session.namespace.records.get(words[1]))
        return reply

    return checked


def ping(session: Any, words: Words) -> bytes:
    return b"+PONG\r\n"


def now(session: Any, words: Words) -> bytes:
    seconds, fraction = divmod(time.time(), 1)
    return array((bulk(b"%d" % seconds), bulk(b"%d" % (fraction * 1e6))))


@arguments(2)
def auth(session: Any, words: Words) -> bytes:
    if session.server.admin is None:
        return error("Authentification disabled")
    if words[1].decode() != session.server.admin:
        return error("Access denied")
    session.admin = True
    return OK


def select(session: Any, words: Words) -> bytes:
    if len(words) < 2:
        return error("Invalid argument")
    namespace = session.server.namespaces.get(words[1].decode("latin-1"))
    if namespace is None:
        return error("Namespace not found")
    writable = True
    if namespace.password is not None:
        if len(words) > 2:
            if words[2].decode("latin-1") != namespace.password:
                return error("Access denied")
        elif not namespace.public:
            return error("Namespace protected and private")
        else:
            writable = False
    session.namespace, session.writable = namespace, writable
    return OK


def read_only(session: Any) -> bytes | None:
    """The error where *session* may not write."""
    if not session.writable:
        return error("Namespace is in read-only mode")
    if session.namespace.locked:
        return error("Namespace is temporarily locked (read-only)")
    return None


def timestamped(session: Any, words: Words, count: int) -> bytes | None:
    """The error for a command of *count* words, behind which administrators may give a timestamp."""
    if len(words) == count + 1:
        return None if session.admin else error("Permission denied")
    return None if len(words) == count else error("Unexpected arguments")


def put(session: Any, words: Words) -> bytes:
    refused = timestamped(session, words, 3)
    if refused is None and len(words[1]) > KEY:
        refused = error("Key too large")
    refused = refused or read_only(session)
    if refused is not None:
        return refused
    key, value = words[1:3]
    namespace: Namespace = session.namespace
    old = namespace.records.get(key)
    if old is not None and namespace.worm:
        return error("Namespace is protected by worm mode")
    if namespace.maxsize and namespace.size + len(value) > namespace.maxsize + (len(old.value) if old else 0):
        return error("No space left on this namespace")
    if namespace.sequential:
        if key and old is None:
            return error("Invalid key, only update authorized")
        key = key or next_id(namespace)
    elif not key:
        return error("Invalid argument, key needed")
    return write(namespace, key, value, stamp(words))


def next_id(namespace: Namespace) -> bytes:
    """The key that the server makes."""
    namespace.next_id += 1
    return (namespace.next_id - 1).to_bytes(8, "little")


def stamp(words: Words) -> int:
    """Seconds since 1970; atoi of the fourth word, where there is one."""
    if len(words) < 4:
        return int(time.time())
    return int(words[3]) if words[3].isdigit() else 0


def write(namespace: Namespace, key: bytes, value: bytes, timestamp: int) -> bytes:
    """Nil where the checksum in memory is that of *value*: the disk is not looked at."""
    old = namespace.records.get(key)
    if old is not None and old.crc == crc32(value):
        return NIL
    namespace.insert(key, value, timestamp)
    return bulk(key)


@of_key
def get(session: Any, record: Record | None) -> bytes:
    if record is None:
        return NIL
    return bulk(record.value) if record.readable else error("Internal Error")


def mget(session: Any, words: Words) -> bytes:
    return array(get(session, [b"GET", key]) for key in words[1:])


def delete(session: Any, words: Words) -> bytes:
    refused = timestamped(session, words, 2)
    if refused is None and not words[1]:
        refused = error("Invalid argument")
    if refused is None and len(words[1]) > KEY:
        refused = error("Invalid key")
    refused = refused or read_only(session)
    if refused is not None:
        return refused
    if words[1] not in session.namespace.records:
        return error("Key not found")
    if session.namespace.worm:
        return error("Cannot delete a key when namespace is in worm mode")
    del session.namespace.records[words[1]]
    return OK


@of_key
def exists(session: Any, record: Record | None) -> bytes:
    return integer(record is not None)


@of_key
def check(session: Any, record: Record | None) -> bytes:
    return NIL if record is None else integer(record.check())


@of_key
def size(session: Any, record: Record | None) -> bytes:
    return NIL if record is None else integer(len(record.value))


def scan(session: Any, words: Words) -> bytes:
    place = place_of(words[1]) if len(words) > 1 else 0
    if place is None:
        return error("Invalid key format")
    found = session.namespace.page(place, session.server.page)
    if not found:
        return error("No more data")
    rows = (array((bulk(one.key), integer(len(one.value)), integer(one.timestamp))) for one in found)
    return array((bulk(cursor_of(found[-1])), array(rows)))


def disabled(session: Any, words: Words) -> bytes:
    return error("Command disabled in release code, not yet available")


def dbsize(session: Any, words: Words) -> bytes:
    return integer(len(session.namespace.records))


def info(session: Any, words: Words) -> bytes:
    return bulk(b"# server\nserver_name: 0-db (zdb)\nserver_revision: 2.0.7\n")


def admin_only(command: Any) -> Any:
    """A command for administrators: everybody, where there is no password for them."""

    def checked(session: Any, words: Words) -> bytes:
        reply: bytes = command(session, words) if session.admin else error("Permission denied")
        return reply

    return checked


@admin_only
@arguments(2)
def nsnew(session: Any, words: Words) -> bytes:
    name = words[1].decode("latin-1")
    if name in session.server.namespaces:
        return error("This namespace is not available")
    session.server.namespaces[name] = Namespace(name, session.server.sequential)
    return OK


@admin_only
@arguments(2)
def nsdel(session: Any, words: Words) -> bytes:
    name = words[1].decode("latin-1")
    if name == DEFAULT:
        return error("Cannot remove default namespace")
    if name not in session.server.namespaces:
        return error("This namespace doesn't exists")
    if session.namespace.name == name:
        return error("Cannot remove namespace you're currently using.")
    del session.server.namespaces[name]
    return OK


@arguments(2)
def nsinfo(session: Any, words: Words) -> bytes:
    namespace = session.server.namespaces.get(words[1].decode("latin-1"))
    if namespace is None:
        return error("Namespace not found")
    yes = {True: "yes", False: "no"}
    lines = {
        "name": namespace.name,
        "entries": len(namespace.records),
        "public": yes[namespace.public],
        "worm": yes[namespace.worm],
        "password": yes[namespace.password is not None],
        "data_size_bytes": namespace.size,
        "data_size_mb": f"{namespace.size / (1 << 20):.2f}",
        "data_limits_bytes": namespace.maxsize,
        "mode": "sequential" if namespace.sequential else "userkey",
        "data_disk_freespace_bytes": DISK,
    }
    return bulk(("# namespace\n" + "".join(f"{name}: {value}\n" for name, value in lines.items())).encode())


def nslist(session: Any, words: Words) -> bytes:
    return array(bulk(name.encode()) for name in session.server.namespaces)


@admin_only
@arguments(4)
def nsset(session: Any, words: Words) -> bytes:
    name, prop, value = (word.decode("latin-1") for word in words[1:])
    if name == DEFAULT:
        return error("Cannot update default namespace")
    namespace = session.server.namespaces.get(name)
    if namespace is None:
        return error("Namespace not found")
    change = PROPERTIES.get(prop)
    if change is None:
        return error("Invalid property")
    setattr(namespace, *change(value))
    return OK


PROPERTIES: dict[str, Callable[[str], tuple[str, Any]]] = {
    "maxsize": lambda value: ("maxsize", int(value)),
    "password": lambda value: ("password", None if value == "*" else value),
    "public": lambda value: ("public", value == "1"),
    "worm": lambda value: ("worm", value == "1"),
    "lock": lambda value: ("locked", value == "1"),
}

COMMANDS = {
    "PING": ping,
    "TIME": now,
    "AUTH": auth,
    "SET": put,
    "SETX": put,
    "GET": get,
    "MGET": mget,
    "DEL": delete,
    "EXISTS": exists,
    "CHECK": check,
    "LENGTH": size,
    "SCAN": scan,
    "SCANX": scan,
    "KSCAN": disabled,
    "INFO": info,
    "DBSIZE": dbsize,
    "NSNEW": nsnew,
    "NSDEL": nsdel,
    "NSLIST": nslist,
    "NSSET": nsset,
    "NSINFO": nsinfo,
    "SELECT": select,
}
"""In the order in which beginnings of verbs are looked up."""


def answer(session: Any, words: Words) -> bytes:
    """The reply to *words*: verbs match by their beginning, in any case."""
    verb = words[0].decode("latin-1").upper()
    for name, command in COMMANDS.items():
        if name.startswith(verb):
            reply: bytes = command(session, words)
            return reply
    return error("Command not supported")
