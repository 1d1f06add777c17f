"""
Uploads that are cut down at a random moment, and the judgement of what is left.

The one oracle: afterwards the store holds the old content or the new one, the new one if CLOSE was answered OK,
the old one if CLOSE was never said.  A run is reproducible from its seed, but for the scheduling of processes.
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import paramiko

from tests.functional.case import MIB, content
from tests.functional.clients import Flag, Packet, Refused, Speaker, reset
from tests.functional.gateway import Gateway
from tests.functional.swift import Account

LARGEST = 70 * MIB


class End(Enum):
    """How an upload is cut down."""

    RESET = "RST"
    FIN = "FIN"
    CHANNEL_CLOSE = "channel CLOSE"
    CHANNEL_EOF = "channel EOF"
    DISCONNECT = "SSH disconnect"
    GATEWAY_KILLED = "gateway SIGKILL"
    GATEWAY_TERMINATED = "gateway SIGTERM"


CLIENT_ENDS = (End.RESET, End.FIN, End.CHANNEL_CLOSE, End.CHANNEL_EOF, End.DISCONNECT)
GATEWAY_ENDS = (End.GATEWAY_KILLED, End.GATEWAY_TERMINATED)


class Said(Enum):
    """How far the client came with CLOSE."""

    NOTHING = "not closed"
    CLOSE = "closed, not answered"
    OK = "closed and answered OK"


class AnyPlan(Protocol):
    """An upload over SFTP or FTP, and its end."""

    @property
    def seed(self) -> int:
        """It is reproducible from this."""

    @property
    def name(self) -> str:
        """Of the object."""

    def old(self) -> bytes | None:
        """What stood there before."""

    def new(self) -> bytes:
        """What stands there if it is stored."""


@dataclass(frozen=True)
class Plan:
    """One upload and its end."""

    seed: int
    end: End
    size: int
    old_size: int | None
    """None: a new name."""
    at: int
    """Bytes sent when it ends; the size: all of them."""
    close: bool
    """Whether CLOSE is sent right before the end."""
    wait: float
    """Seconds between the last packet and the end."""

    @classmethod
    def draw(cls, seed: int, ends: tuple[End, ...]) -> Plan:
        """The plan of *seed*."""
        dice = random.Random(seed)
        size = dice.choice([0, 1, dice.randrange(100_000), dice.randrange(3 * MIB), dice.randrange(LARGEST), LARGEST])
        whole = dice.random() < 0.3
        return cls(
            seed=seed,
            end=dice.choice(ends),
            size=size,
            old_size=dice.choice([None, 0, 1000, 3 * MIB]),
            at=size if whole else dice.randrange(size + 1),
            close=whole and dice.random() < 0.7,
            wait=dice.choice([0, 0, dice.random() * 0.3]),
        )

    @property
    def name(self) -> str:
        """Of the object."""
        return f"upload-{self.seed}"

    def old(self) -> bytes | None:
        """What stood there before."""
        return None if self.old_size is None else content(self.old_size, f"old {self.seed}")

    def new(self) -> bytes:
        """What the client writes."""
        return content(self.size, f"new {self.seed}")

    def __str__(self) -> str:
        old = "new name" if self.old_size is None else f"over {self.old_size} bytes"
        close = ", CLOSE sent" if self.close else ""
        end = f"{self.end.value} after {self.at}{close}, {self.wait:.2f} s later"
        return f"seed {self.seed}: {self.size} bytes, {old}, {end}"


@dataclass
class Upload:
    """A plan being carried out."""

    plan: Plan
    path: str
    speaker: Speaker
    said: Said = Said.NOTHING
    handle: bytes = b""
    expected: set[int] = field(default_factory=set)

    def run(self, finish: Callable[[Upload], None]) -> None:
        """Write up to the planned moment, then *finish*; errors that the end brings are part of the plan."""
        with contextlib.suppress(Refused, EOFError, OSError, paramiko.SSHException, socket.timeout):
            self.write()
            finish(self)

    def write(self) -> None:
        """OPEN, WRITEs and, if planned, CLOSE."""
        self.handle = self.speaker.open(self.path, Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
        data = self.plan.new()[: self.plan.at]
        for _ in self.speaker.write_all(self.handle, data):
            pass
        if self.plan.close:
            self.said = Said.CLOSE
            self.speaker.send(Packet.CLOSE, self.handle)

    def wait_for_ok(self) -> None:
        """Take the answer to CLOSE if there is one."""
        if self.said is Said.CLOSE:
            self.speaker.expect_ok()
            self.said = Said.OK

    def end(self) -> None:
        """Leave as the plan says."""
        how = self.plan.end
        if how is End.RESET:
            reset(self.speaker.wire)
        elif how is End.FIN:
            self.speaker.wire.shutdown(socket.SHUT_RDWR)
            self.speaker.wire.close()
        elif how is End.CHANNEL_CLOSE:
            self.speaker.channel.close()
        elif how is End.CHANNEL_EOF:
            self.speaker.channel.shutdown_write()


def prepare(store: Account, container: str, plan: AnyPlan) -> None:
    """Put the old content in place: every third of them as a large object."""
    old = plan.old()
    if old is None:
        return
    if plan.seed % 3 == 0 and len(old) > 10:
        store.put_large(container, plan.name, [old[:10], old[10:]])
    else:
        store.put(container, plan.name, old)


def start(gateway: Gateway, container: str, plan: Plan) -> Upload:
    """Log in."""
    return Upload(plan, f"/{container}/{plan.name}", Speaker(gateway.port))


def verdict(store: Account, container: str, upload: Upload) -> str:
    """What is wrong with what is left; ``""``: nothing."""
    plan = upload.plan
    found = store.get(container, plan.name)
    is_old, is_new = found == plan.old(), found == plan.new()
    right = {
        Said.NOTHING: is_old,
        Said.CLOSE: is_old or is_new,
        Said.OK: is_new,
    }[upload.said]
    return "" if right else judged(plan, upload.said.value, found)


def judged(plan: AnyPlan, said: str, found: bytes | None) -> str:
    """What is wrong, in words, with what is *found* behind *plan* when the client was told what was *said*."""
    state = "nothing" if found is None else f"{len(found)} bytes"
    known = {plan.old(): "the old content", plan.new(): "the new content"}
    which = known.get(found, "neither the old nor the new content")
    return f"{plan}: {said}, and {state} are stored: {which}"
