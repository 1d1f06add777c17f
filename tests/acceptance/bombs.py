"""
What is small on the wire and large in memory: compression, lengths, handles, channels, tiny packets (bar A14).

Bars: each is refused; the gateway's memory grows by <= 8 MiB in all.
"""

import contextlib
import logging
import socket
import struct
import time

import paramiko

from tests.acceptance import rig
from tests.functional.clients import Flag, Packet, Speaker
from tests.functional.swift import PASSWORD, USER

HUNDRED = 100


def raw(port: int, *said: bytes) -> bytes:
    """What comes back for bytes that no client sends, to the end of the connection."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), 10) as wire, contextlib.suppress(OSError):
        for data in said:
            wire.sendall(data)
        while data := wire.recv(65536):
            heard += data
    return heard


def compressed(port: int) -> int:
    """Whether a client gets compression before it is logged in."""
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.use_compression(compress=True)
    try:
        transport.start_client(timeout=20)
        return int(transport.remote_compression not in ("", "none"))
    except paramiko.SSHException:
        return 0
    finally:
        transport.close()


def handles(port: int, count: int) -> int:
    """How many of *count* OPENs succeed."""
    speaker = Speaker(port)
    opened = 0
    try:
        for number in range(count):
            with contextlib.suppress(OSError):
                speaker.open(f"/{rig.CONTAINER}/h{number}", Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
                opened += 1
                continue
            if number > opened + HUNDRED:
                break
    finally:
        speaker.close()
    return opened


def channels(port: int, count: int) -> int:
    """How many of *count* channels of one connection are opened."""
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.connect(username=USER, password=PASSWORD)
    opened = []
    try:
        for _ in range(count):
            with contextlib.suppress(paramiko.SSHException):
                opened.append(transport.open_session(timeout=20))
    finally:
        transport.close()
    return len(opened)


def tiny(port: int) -> int:
    """Whether a channel with packets of one byte is opened."""
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.connect(username=USER, password=PASSWORD)
    transport._sanitize_packet_size = lambda size: size or 1  # type: ignore[method-assign]
    try:
        transport.open_channel("session", max_packet_size=1, timeout=20)
    except paramiko.SSHException:
        return 0
    finally:
        transport.close()
    return 1


def large(port: int) -> int:
    """Whether SFTP packets of any length are waited for: 4 GiB are announced, and 8 MiB sent."""
    speaker = Speaker(port)
    try:
        speaker.channel.sendall(struct.pack(">IB", 0xFFFFFFF0, Packet.WRITE))
        for _ in range(128):
            speaker.channel.sendall(bytes(65536))
        return int(not speaker.channel.closed)
    except OSError:
        return 0
    finally:
        speaker.close()


def main() -> None:
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it tells of each channel that is refused
    given = rig.options(__doc__, handles=10_000, channels=1000)
    house, bars = rig.House(), rig.Bars()
    port, child = house.gateway.port, house.gateway.child
    for _ in range(3):  # what the first ones cost, they cost once
        handles(port, 300), channels(port, 3), raw(port, b"x\r\n")
    time.sleep(2)
    before = child.memory()
    bars.at_most("compression before login", compressed(port), 0)
    raw(port, b"SSH-2.0-x\r\n", struct.pack(">I", 0x7FFFFFFF) + bytes(1 << 20))
    raw(port, b"S" * (1 << 20))
    bars.at_most(f"handles, of {given.handles}", handles(port, given.handles), 256)
    bars.at_most(f"channels, of {given.channels}", channels(port, given.channels), 10)
    bars.at_most("channels with packets of one byte", tiny(port), 0)
    bars.at_most("SFTP packets of 4 GiB", large(port), 0)
    time.sleep(2)
    bars.at_most("memory", (child.memory() - before) / (1 << 20), 8, "MiB")
    house.gateway.stop()
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
