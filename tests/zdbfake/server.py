"""The fake on the network, and its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from twisted.internet.protocol import Factory, Protocol

from tests.zdbfake.commands import answer
from tests.zdbfake.requests import Refuse, Requests
from tests.zdbfake.store import DEFAULT, Namespace


class Do(Enum):
    """What goes wrong."""

    HANG = "hang"
    """This connection says nothing any more; the request is not carried out."""
    CUT = "cut"
    """The connection breaks before the request is carried out."""
    CUT_AFTER = "cut after"
    """The request is carried out, and the connection breaks in the middle of the answer, after ``size`` bytes."""
    SAY = "say"
    """The request is not carried out, and the answer is ``reply``."""


@dataclass(slots=True)
class Fault:
    """Goes wrong at the next request with *verb* (as the client writes it), and then not again."""

    verb: bytes
    what: Do
    size: int = 0
    reply: bytes = b""


@dataclass(slots=True)
class Server:
    """One 0-db."""

    admin: str | None = None
    sequential: bool = False
    page: int = 7
    """Keys that a scan gives at once."""
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[list[bytes]] = field(default_factory=list)
    """Requests, values left out."""

    def __post_init__(self) -> None:
        self.namespaces.setdefault(DEFAULT, Namespace(DEFAULT, self.sequential))

    def fault(self, verb: bytes) -> Fault | None:
        """What is to go wrong with a request of *verb*."""
        for fault in self.faults:
            if fault.verb == verb:
                self.faults.remove(fault)
                return fault
        return None

    def factory(self) -> Factory:
        """Makes the connections."""
        return Factory.forProtocol(lambda: Session(self))


class Session(Protocol):
    """One connection."""

    transport: Any

    def __init__(self, server: Server) -> None:
        self.server = server
        self.namespace = server.namespaces[DEFAULT]
        self.writable = True
        self.admin = server.admin is None
        self._requests = Requests()
        self._hangs = False

    def dataReceived(self, data: bytes) -> None:
        """Answer whole requests in order."""
        if self._hangs:
            return
        self._requests.feed(data)
        try:
            while not self._hangs and (words := self._requests.next()) is not None:
                self._carry_out(words)
        except Refuse as refuse:
            self._hangs = True
            if refuse.reply is None:
                self.transport.abortConnection()
            else:
                self.transport.write(refuse.reply)
                self.transport.loseConnection()

    def _carry_out(self, words: list[bytes]) -> None:
        self.server.seen.append([word if len(word) < 256 else b"..." for word in words])
        fault = self.server.fault(words[0])
        if fault is None:
            self.transport.write(answer(self, words))
            return
        if fault.what is Do.SAY:
            self.transport.write(fault.reply)
            return
        self._hangs = True
        if fault.what is Do.CUT_AFTER:
            self.transport.write(answer(self, words)[: fault.size])
            self.transport.loseConnection()
        elif fault.what is Do.CUT:
            self.transport.abortConnection()
