"""
The gateway under test: a process of its own, started as an operator starts it.

A gateway that printed a traceback or an unhandled error has failed, whatever its clients saw.
"""

from __future__ import annotations

import configparser
import functools
import io
import re
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.functional.processes import Child, answers, free_port, scratch

COMPLAINTS = re.compile(
    r"Unhandled|Traceback \(most recent call last\)|exceptions? ignored|never awaited|CRITICAL", re.I
)


@functools.cache
def host_key(kind: str = "ed25519") -> Path:
    """A private host key in OpenSSH's format."""
    makers = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "rsa": lambda: rsa.generate_private_key(65537, 3072),
        "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    }
    key = makers[kind]()
    path = scratch() / f"host_{kind}"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    return path


class Gateway:
    """
    ``twistd -n swftp-sftp -c FILE`` on a free port of loopback.

    *options* are those of the file: ``section.name``, or ``name`` for the section of the protocol.
    """

    host = "127.0.0.1"
    program: Sequence[str] = (str(Path(sys.executable).with_name("twistd")),)
    section = "sftp"
    banner = b"SSH-2.0-"

    def __init__(self, auth_url: str, options: Mapping[str, object] | None = None) -> None:
        self.name = f"gateway-{uuid.uuid4().hex[:6]}"
        self.port = free_port()
        self.settings: dict[str, object] = {
            "auth_url": auth_url,
            "host": self.host,
            "port": self.port,
            "throttle.most": 0,  # all clients of the tests come from one address
            "limits.per_peer": 0,
            "limits.startups_per_peer": 0,
            "limits.startups_start": 200,
            "limits.startups_full": 400,
            **self.defaults(),
            **(options or {}),
        }
        self.config = scratch() / f"{self.name}.conf"
        self.config.write_text(sections(self.settings, self.section))
        self._judged = 0
        self.start()

    def defaults(self) -> dict[str, object]:
        """Options of this protocol."""
        return {"host_keys": ", ".join(str(host_key(kind)) for kind in ("ed25519", "ecdsa", "rsa"))}

    def start(self) -> None:
        """Start it, again where it was killed, and wait until it accepts."""
        argv = [*self.program, "-n", "--pidfile="]
        self.child = Child(self.name, [*argv, f"swftp-{self.section}", "-c", str(self.config)])
        self.child.wait_for(lambda: answers(self.port, self.banner))

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        return self.child.kill(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.child.kill()

    def complaints(self) -> str:
        """Lines of the log since the last call that no healthy gateway writes, with what stands around them."""
        lines = self.child.log().splitlines()[self._judged :]
        self._judged += len(lines)
        bad = [number for number, line in enumerate(lines) if COMPLAINTS.search(line)]
        return "\n".join("\n".join(lines[max(0, number - 3) : number + 25]) for number in bad[:3])

    def log(self) -> str:
        """All that it logged."""
        return self.child.log()


def sections(settings: Mapping[str, object], default: str = "sftp") -> str:
    """``swftp.conf`` of *settings*; those without a section are of *default*."""
    parser = configparser.RawConfigParser()
    for name, value in settings.items():
        section, _, option = name.rpartition(".")
        section = section or default
        if not parser.has_section(section):
            parser.add_section(section)
        parser.set(section, option, str(value))
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


G = TypeVar("G", bound=Gateway)
_gateways: dict[tuple[object, ...], Gateway] = {}


def gateway(auth_url: str, options: Mapping[str, object], kind: type[G] = Gateway) -> G:  # type: ignore[assignment]
    """The gateway of this test process with these *options*; one that died is started again."""
    key = (kind, auth_url, *sorted(options.items()))
    found = _gateways.get(key)
    if not isinstance(found, kind):
        found = _gateways[key] = kind(auth_url, options)
    if not found.child.alive:
        found.start()
    return found
