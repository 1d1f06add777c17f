"""
FTP uploads that are cut down at a random moment, and the judgement of what is left.

The one oracle: afterwards the store holds the old content or the new one: the old one unless the data ended as they
should while the control connection was there, the new one if 226 was said, and 226 is never said of anything else.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import time
from dataclasses import dataclass, field
from enum import Enum

from tests.functional.case import MIB, content
from tests.functional.clients import reset
from tests.functional.ftp import BEGUN, FtpGateway, Talk
from tests.functional.lost import Said, judged, prepare
from tests.functional.swift import Account

LARGEST = 30 * MIB


class End(Enum):
    """How an upload is cut down."""

    DATA_RESET = "RST of data"
    CONTROL_FIN = "FIN of control, then of data"
    CONTROL_RESET = "RST of control, then FIN of data"
    BOTH_RESET = "RST of both"
    KILLED = "FIN of both at once, as of a killed client"
    GIVEN_UP = "FIN of data, in order, and at once of control, as of curl -m"
    ABOR = "ABOR"
    CUT = "data end without close_notify"


PLAIN_ENDS = tuple(end for end in End if end is not End.CUT)
TLS_ENDS = tuple(End)


@dataclass(frozen=True)
class Plan:
    """One upload and its end."""

    seed: int
    end: End
    secure: bool
    command: str
    size: int
    old_size: int | None
    """None: a new name."""
    rest: int
    """Offset of REST; 0: none."""
    at: int
    """Bytes sent when it ends; the size: all of them."""
    close: bool
    """Whether the data end as they should right before the end."""
    wait: float
    """Seconds between the last byte and the end."""

    @classmethod
    def draw(cls, seed: int, *, secure: bool) -> Plan:
        """The plan of *seed*."""
        dice = random.Random(f"{seed}/{secure}")
        size = dice.choice([0, 1, dice.randrange(100_000), dice.randrange(3 * MIB), dice.randrange(LARGEST), LARGEST])
        whole = dice.random() < 0.4
        close = whole and dice.random() < 0.5
        old_size = dice.choice([None, 0, 1000, 3 * MIB])
        command = dice.choice(["STOR", "STOR", "STOR", "APPE"])
        ends = TLS_ENDS if secure else PLAIN_ENDS
        after = (End.CONTROL_FIN, End.CONTROL_RESET, End.ABOR)
        return cls(
            seed=seed,
            end=dice.choice(after if close else ends),
            secure=secure,
            command=command,
            size=size,
            old_size=old_size,
            rest=dice.randrange(1, old_size) if old_size and command == "STOR" and dice.random() < 0.3 else 0,
            at=size if whole else dice.randrange(size + 1),
            close=close,
            wait=dice.choice([0, 0, 0, dice.random() * 0.3]),
        )

    @property
    def name(self) -> str:
        """Of the object."""
        return f"{'tls' if self.secure else 'plain'}-{self.seed}"

    def old(self) -> bytes | None:
        """What stood there before."""
        return None if self.old_size is None else content(self.old_size, f"old {self.seed}")

    def sent(self) -> bytes:
        """What the client sends."""
        return content(self.size, f"new {self.seed}")

    def new(self) -> bytes:
        """What the file is then."""
        old, sent = self.old() or b"", self.sent()
        if self.command == "APPE":
            return old + sent
        return old[: self.rest] + sent + (old[self.rest + len(sent) :] if self.rest else b"")

    def __str__(self) -> str:
        old = "new name" if self.old_size is None else f"over {self.old_size} bytes"
        close = ", data ended" if self.close else ""
        how = f"{'TLS ' if self.secure else ''}{self.command} {self.rest or ''}".strip()
        end = f"{self.end.value} after {self.at}{close}, {self.wait:.2f} s later"
        return f"seed {self.seed}: {how}, {self.size} bytes, {old}, {end}"


@dataclass
class Upload:
    """A plan being carried out."""

    plan: Plan
    talk: Talk
    said: Said = Said.NOTHING
    replies: list[int] = field(default_factory=list)

    def run(self, container: str) -> None:
        """All of it; errors that the end brings are part of the plan."""
        with contextlib.suppress(OSError, EOFError):
            wire = self.begin(container)
            wire.sendall(self.plan.sent()[: self.plan.at])
            if self.plan.close:
                self.said = Said.CLOSE
                if isinstance(wire, ssl.SSLSocket):
                    with contextlib.suppress(OSError):
                        wire.unwrap()
                wire.close()
            time.sleep(self.plan.wait)
            self.end(wire)
        with contextlib.suppress(OSError, EOFError):
            self.listen()
        self.talk.close()

    def begin(self, container: str) -> socket.socket:
        """Up to the data connection."""
        plan, talk = self.plan, self.talk
        context = talk.secure() if plan.secure else None
        talk.login()
        talk.ask(f"CWD /{container}")
        if plan.rest:
            talk.ask(f"REST {plan.rest}")
        wire = talk.passive()
        talk.send(f"{plan.command} {plan.name}")
        code, text = talk.reply()
        if code not in BEGUN:
            raise AssertionError(f"{plan}: {code} {text}")
        if context is None:
            return wire
        return context.wrap_socket(wire, server_hostname="localhost", session=talk.wire.session)  # type: ignore[attr-defined]

    def end(self, wire: socket.socket) -> None:
        """Leave as the plan says."""
        how = self.plan.end
        if how is End.GIVEN_UP:
            if isinstance(wire, ssl.SSLSocket):
                with contextlib.suppress(OSError):
                    wire.unwrap()
            raw(wire).close()
            raw(self.talk.wire).close()
            return
        if how in (End.CONTROL_FIN, End.KILLED):
            raw(self.talk.wire).close()
        elif how in (End.CONTROL_RESET, End.BOTH_RESET):
            reset(raw(self.talk.wire))
        elif how is End.ABOR:
            self.talk.send("ABOR")
        if self.plan.close:
            return
        if how in (End.DATA_RESET, End.BOTH_RESET):
            reset(raw(wire))
        elif how is End.ABOR:
            self.listen()
            wire.close()
        else:
            if how is End.CONTROL_FIN and isinstance(wire, ssl.SSLSocket):
                with contextlib.suppress(OSError):
                    wire.unwrap()
            raw(wire).close()

    def listen(self) -> None:
        """What we are told, as long as we can hear."""
        while len(self.replies) < (2 if self.plan.end is End.ABOR else 1):
            self.replies.append(self.talk.reply()[0])
        if self.replies[:1] == [226]:
            self.said = Said.OK


def raw(wire: socket.socket) -> socket.socket:
    """The TCP connection of *wire*, which can be used no more."""
    return socket.socket(fileno=wire.detach())


def carry_out(gateway: FtpGateway, store: Account, container: str, plan: Plan) -> Upload:
    """*plan*, from the old content to the end."""
    prepare(store, container, plan)
    upload = Upload(plan, Talk(gateway.port))
    upload.run(container)
    return upload


def verdict(store: Account, container: str, upload: Upload) -> str:
    """What is wrong with what is left; ``""``: nothing."""
    plan = upload.plan
    found = store.get(container, plan.name)
    is_old, is_new = found == plan.old(), found == plan.new()
    if upload.said is Said.OK:
        right = is_new and plan.close
    elif plan.close:
        right = is_old or is_new
    else:
        right = is_old
    return "" if right else judged(plan, f"told {upload.replies}", found)
