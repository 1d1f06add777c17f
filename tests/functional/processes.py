"""
Child processes of the functional tests: started, logged, measured and, whatever happens, ended.

Nothing here outlives the test process: what it started is killed when it exits.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""
MEMORY = Path("/dev/shm")
"""A file system without a disk; Linux keeps user xattrs there since 6.6."""
ROOM = 2 << 30
"""Bytes that must be free for that: many times what the tests of all processes store at a time."""


@functools.cache
def scratch() -> Path:
    """A folder of this test process, removed at its end unless ``SWFTP_KEEP`` is set."""
    return _folder(None)


@functools.cache
def in_memory() -> Path:
    """As `scratch`; an fsync costs nothing there, unless there is no room, or no place for Swift's attributes."""
    try:
        with tempfile.NamedTemporaryFile(dir=MEMORY) as file:
            os.setxattr(file.name, "user.swftp", b"x" * 256)
        return _folder(MEMORY) if shutil.disk_usage(MEMORY).free > ROOM else scratch()
    except OSError:
        return scratch()


def _folder(where: Path | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="swftp-functional-", dir=where))
    if os.environ.get("SWFTP_KEEP"):
        print(f"scratch folder: {folder}")
    else:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def free_port() -> int:
    """A TCP port of loopback that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(check: Callable[[], object], timeout: float = 10.0, interval: float = 0.05) -> bool:
    """Whether *check* becomes true within *timeout* seconds of wall time."""
    end = time.monotonic() + timeout
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True


@functools.cache
def mortal() -> tuple[str, ...]:
    """What to put before a command so that it is killed when this process is, however that ends (util-linux)."""
    found = shutil.which("setpriv")
    return (found, "--pdeathsig", "KILL", "--") if found else ()


class Child:
    """One child process; its output goes to a log file, its standard input ends when we do."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log_path = scratch() / f"{name}.log"
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with self.log_path.open("ab") as log:
            self.popen = subprocess.Popen(
                [*mortal(), *argv],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=scratch(),
                env={
                    **os.environ,
                    "PYTHONPATH": path,
                    "PYTHONUNBUFFERED": "1",
                    "STATE_DIRECTORY": str(scratch() / "state"),
                    **(env or {}),
                },
            )
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.popen.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def log(self) -> str:
        """All that it printed so far."""
        return self.log_path.read_text(errors="replace")

    def wait_for(self, ready: Callable[[], object], timeout: float = 30.0) -> None:
        """Wait until *ready* is true; an early death or *timeout* is an error that shows the log."""
        eventually(lambda: ready() or not self.alive, timeout)
        if not (self.alive and ready()):
            state = "is not ready" if self.alive else f"ended with status {self.popen.returncode}"
            raise RuntimeError(f"{self.name} {state}:\n{self.log()[-4000:]}")

    def kill(self, how: signal.Signals = signal.SIGKILL, timeout: float = 20.0) -> int:
        """Send *how* and wait for the end; the exit status."""
        if self.alive:
            self.popen.send_signal(how)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
                raise
        return self.popen.returncode

    def memory(self, field: str = "VmRSS") -> int:
        """``VmRSS`` (now) or ``VmHWM`` (highest since `forget_peak`), in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise LookupError(field)

    def forget_peak(self) -> None:
        """Let ``VmHWM`` start again from what is resident now (proc(5), clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def cpu(self) -> float:
        """User plus system seconds so far."""
        raw = Path(f"/proc/{self.pid}/stat").read_text()
        fields = raw[raw.rindex(")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        """Open file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def answers(port: int, banner: bytes = b"", host: str = "127.0.0.1") -> bool:
    """Whether something on loopback accepts at *port* and, where a *banner* is given, greets with it."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), 2) as wire:
        return not banner or wire.recv(64).startswith(banner)
    return False
