"""
Changing keys in mid-transfer, and bits that flip on the way.

Bars: with a new key every 256 KiB, every cipher with every MAC, and every key exchange, moves a file up and down
byte-identically and without a stall; one flipped bit, at 50 offsets of each cipher's stream, always ends the
connection, and never changes what is stored.
"""

import os
import random
import socket
import subprocess
import threading
from collections.abc import Sequence

from swftp.ssh.algorithms import POLICIES
from tests.acceptance import rig
from tests.functional.case import MIB, content
from tests.functional.gateway import Gateway
from tests.functional.processes import scratch
from tests.functional.swift import PASSWORD, USER

OFFERED = POLICIES["compat"]


def known(what: str, offered: Sequence[bytes]) -> list[str]:
    """Those of *offered* that the local ssh knows too."""
    done = subprocess.run([rig.tool("ssh"), "-Q", what], check=True, capture_output=True, text=True)
    return [name.decode() for name in offered if name.decode() in done.stdout.split()]


CIPHERS, MACS, EXCHANGES = known("cipher", OFFERED.ciphers), known("mac", OFFERED.macs), known("kex", OFFERED.kex)
AEAD = [name for name in CIPHERS if not name.endswith("-ctr")]
CTR = [name for name in CIPHERS if name.endswith("-ctr")]
HANDSHAKE = 8192
"""Bytes from a client after which all is encrypted and the user is in."""


class Flipper:
    """Passes TCP on to *port* and flips one bit of what the client sends, at *offset*."""

    def __init__(self, port: int, offset: int, bit: int) -> None:
        self._target, self._offset, self._bit = port, offset, bit
        self.flipped = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        threading.Thread(target=self._pass, args=(far, near, -1), daemon=True).start()
        self._pass(near, far, self._offset)
        self._listener.close()

    def _pass(self, source: socket.socket, sink: socket.socket, offset: int) -> None:
        passed = 0
        try:
            while data := bytearray(source.recv(65536)):
                if passed <= offset < passed + len(data):
                    data[offset - passed] ^= 1 << self._bit
                    self.flipped = True
                passed += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            sink.close()


def sftp(port: int, batch: str, *options: str) -> bool:
    """Whether OpenSSH's sftp does *batch*."""
    argv = ["sshpass", "-e", rig.tool("sftp"), "-q", "-F", "/dev/null", f"-oUser={USER}", "-oBatchMode=no"]
    argv += ["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"]
    argv += ["-oPubkeyAuthentication=no", *options, "-b", "-", "-P", str(port), "127.0.0.1"]
    environment = {**os.environ, "SSHPASS": PASSWORD}
    done = subprocess.run(argv, input=batch, env=environment, text=True, timeout=120, capture_output=True)
    return done.returncode == 0


def rekeyed(gateway: Gateway, source: str, data: bytes, *options: str) -> bool:
    """Up and down with a new key every 256 KiB."""
    back = scratch() / "rekey-back"
    batch = f"put {source} /{rig.CONTAINER}/rekey\nget /{rig.CONTAINER}/rekey {back}\n"
    return sftp(gateway.port, batch, "-oRekeyLimit=256K", *options) and back.read_bytes() == data


def main() -> None:
    given = rig.options(__doc__, size=16 * MIB, flips=50, seed=1)
    house, bars = rig.House({"ssh.policy": "compat"}), rig.Bars()
    data, source = content(given.size), scratch() / "rekey"
    source.write_bytes(data)
    pairs = [[f"-oCiphers={name}"] for name in AEAD]
    pairs += [[f"-oCiphers={name}", f"-oMACs={mac}"] for name in CTR for mac in MACS]
    pairs += [[f"-oKexAlgorithms={name}"] for name in EXCHANGES]
    bars.at_least("combinations that the local ssh knows", len(pairs), 15)
    broken = [pair for pair in pairs if not rekeyed(house.gateway, str(source), data, *pair)]
    bars.at_most(f"failures of {len(pairs)} with new keys every 256 KiB {broken}", len(broken), 0)

    dice = random.Random(given.seed)
    for pair in [[f"-oCiphers={name}"] for name in AEAD] + [
        ["-oCiphers=aes128-ctr", f"-oMACs={mac}"] for mac in MACS
    ]:
        put = f"put {source} /{rig.CONTAINER}/flip\n"
        bars.at_least("works without a flip", sftp(Flipper(house.gateway.port, -1, 0).port, put, *pair), 1)
        passed = flipped = 0
        for _ in range(given.flips):
            house.store.put(rig.CONTAINER, "flip", b"old")
            flipper = Flipper(house.gateway.port, dice.randrange(HANDSHAKE, MIB), dice.randrange(8))
            went = sftp(flipper.port, put, *pair)
            flipped += flipper.flipped
            passed += went or house.store.get(rig.CONTAINER, "flip") != b"old"
        bars.at_least("bits flipped", flipped, given.flips)
        bars.at_most(f"flipped bits not noticed with {' '.join(pair)}", passed, 0)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
