"""
What the bars are measured with: one Swift, our gateway and its peers, all on loopback, and the harness of ``bench``.

Peers are measured in the same run, in turns, on the same Swift: only ratios mean something on a shared machine.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.functional.gateway import Gateway, host_key
from tests.functional.processes import ROOT, Child, answers, free_port, scratch
from tests.functional.swift import PASSWORD, USER, Swift

BENCH = Path(os.environ.get("SWFTP_BENCH", ROOT.parent / "shared" / "bench"))
FAST = "aes128-gcm@openssh.com"
CONTAINER = "bench"
OURS, RCLONE, SSHD, SWIFT = "swftp", "rclone", "sshd", "swift"

Figure = dict[str, Any]


def harness() -> Any:
    """The module ``benchlib`` of the harness."""
    if not (BENCH / "benchlib.py").exists():
        sys.exit(f"no harness in {BENCH}: set SWFTP_BENCH")
    sys.path.insert(0, str(BENCH))
    import benchlib

    return benchlib


def tool(name: str, *folders: str) -> str:
    """The path of a program; none is the end."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", ""), *folders])
    return shutil.which(name, path=path) or sys.exit(f"{name} is not installed")


class House:
    """Swift and the servers in front of it."""

    def __init__(self, options: Mapping[str, object] | None = None, *swift_options: str) -> None:
        self.swift = Swift(*swift_options)
        self.store = self.swift.account()
        self.store.connection.put_container(CONTAINER)
        limits = {"sessions_per_user": 0, "limits.startups_start": 200, "limits.startups_full": 400}
        self.gateway = self.make_gateway({**limits, **(options or {})})

    def make_gateway(self, options: Mapping[str, object]) -> Gateway:
        """Ours."""
        return Gateway(self.swift.url, options)

    @functools.cached_property
    def rclone(self) -> tuple[int, int]:
        """(port, pid) of ``rclone serve sftp``."""
        port = free_port()
        remote = f":swift,auth='{self.swift.url}',user='{USER}',key={PASSWORD}:"
        argv = [tool("rclone"), "--config", "/dev/null", "serve", "sftp", "--addr", f"127.0.0.1:{port}"]
        argv += ["--user", USER, "--pass", PASSWORD, "--key", str(host_key()), remote]
        child = Child("rclone", argv)
        child.wait_for(lambda: answers(port, b"SSH-2.0-"))
        return port, child.pid

    @functools.cached_property
    def sshd(self) -> tuple[int, int, Path, Path]:
        """(port, pid, key, folder) of OpenSSH's ``internal-sftp`` on tmpfs."""
        port, folder = free_port(), Path("/dev/shm") / scratch().name
        folder.mkdir()
        key = ed25519.Ed25519PrivateKey.generate()
        identity, allowed = scratch() / "id", scratch() / "id.pub"
        identity.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        identity.chmod(0o600)
        allowed.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n")
        config = scratch() / "sshd_config"
        config.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key()}\nPidFile none\n"
            f"AuthorizedKeysFile {allowed}\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin prohibit-password\nMaxStartups 1000\nSubsystem sftp internal-sftp\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        child = Child("sshd", [tool("sshd", "/usr/sbin"), "-D", "-e", "-f", str(config)])
        child.wait_for(lambda: answers(port, b"SSH-2.0-"))
        return port, child.pid, identity, folder

    def target(self, name: str, ls_dir: str = "") -> dict[str, Any]:
        """What the harness needs to know of a server."""
        behind = {"backend_pids": [self.swift.child.pid], "user": USER, "password": PASSWORD}
        common = {"name": name, "kind": "sftp", "path": f"/{CONTAINER}", "ls_dir": ls_dir}
        if name == OURS:
            return {**common, **behind, "port": self.gateway.port, "pids": [self.gateway.child.pid]}
        if name == RCLONE:
            port, pid = self.rclone
            return {**common, **behind, "port": port, "pids": [pid]}
        if name == SWIFT:
            port = int(self.swift.url.split(":")[2].split("/")[0])
            pids = behind.pop("backend_pids")
            return {**common, **behind, "kind": "swift", "port": port, "pids": pids}
        port, pid, key, folder = self.sshd
        return {**common, "user": "root", "identity": str(key), "path": str(folder), "port": port, "pids": [pid]}

    def close(self) -> None:
        """Remove what is not in the scratch folder."""
        if "sshd" in self.__dict__:
            shutil.rmtree(self.sshd[3], ignore_errors=True)

    def compare(
        self, servers: Iterable[str], tests: str, rounds: int, ls_dir: str = "", **options: Any
    ) -> list[Figure]:
        """
        Interleaved rounds of the harness' *tests* on *servers*.

        *options* are those of its ``compare.py``, as ``size="1G"``; prints its table, returns its figures.
        """
        harness()
        targets, out = scratch() / "targets.json", scratch() / f"results-{os.urandom(3).hex()}.jsonl"
        targets.write_text(json.dumps([self.target(name, ls_dir) for name in servers]))
        argv = [sys.executable, str(BENCH / "compare.py"), "--targets", str(targets), "--tests", tests]
        argv += ["--rounds", str(rounds), "--out", str(out), "--tmp", str(client_folder())]
        argv += [word for name, value in options.items() for word in ("--" + name, str(value))]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        subprocess.run(argv, check=True, cwd=BENCH, env={**os.environ, "PATH": path})
        figures: list[Figure] = [json.loads(line) for line in out.read_text().splitlines()]
        return figures


@functools.cache
def client_folder() -> Path:
    """The clients' files, on tmpfs."""
    import atexit

    path = Path("/dev/shm") / f"{scratch().name}-client"
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def median(figures: Iterable[Figure], server: str, test: str, what: str = "value") -> float:
    """The median of *what* over the rounds of *test* (by the beginning of its name) on *server*."""
    found = [f for f in figures if f["server"] == server and f["test"].startswith(test)]
    values = [f[what] for f in found if f.get("value") is not None]
    if not values or len(values) < len(found):  # a round that failed has no figure: the others would flatter
        sys.exit(f"no figure of {test} on {server}: {[f['error'] for f in found if 'error' in f]}")
    return statistics.median(values)


@dataclass
class Bars:
    """The verdicts of one script."""

    failed: list[str] = field(default_factory=list)

    def at_most(self, what: str, value: float, limit: float, unit: str = "") -> None:
        """*value* must not be above *limit*."""
        self._judge(what, value, limit, unit, "at most", right=value <= limit)

    def at_least(self, what: str, value: float, limit: float, unit: str = "") -> None:
        """*value* must not be below *limit*."""
        self._judge(what, value, limit, unit, "at least", right=value >= limit)

    def _judge(self, what: str, value: float, limit: float, unit: str, word: str, *, right: bool) -> None:
        told = f"{'PASS' if right else 'FAIL'}  {what}: {value:.3g} {unit} ({word} {limit:g})".replace("  (", " (")
        print(f"{told}, load {os.getloadavg()[0]:.1f}", flush=True)
        if not right:
            self.failed.append(what)

    def finish(self) -> None:
        """Exit with the verdict."""
        sys.exit(1 if self.failed else 0)


def options(doc: str | None, **defaults: Any) -> argparse.Namespace:
    """The command line of a bar: its docstring as help, an option for each of *defaults*."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"({value})")
    return parser.parse_args()
