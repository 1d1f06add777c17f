"""The one guard before every handler."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.gate import Exchange, Phase, Verdict, verdict

GENERIC = {1, 2, 3, 4}
ALLOWED = {
    Phase.VERSION: set(),
    Phase.FIRST_KEX: GENERIC | {20},
    Phase.SERVICE: GENERIC | {5, 7, 20},
    Phase.AUTH: GENERIC | {5, 7, 20, 50, 61},
    Phase.OPEN: GENERIC | {20, 80, 81, 82, 90, 93, 94, 95, 96, 97, 98},
    Phase.CLOSED: set(),
}
SERVER_ONLY = {6, 31, 51, 52, 53, 60, 91, 92, 99, 100}


class EveryMessage(SynchronousTestCase):
    """All 256 numbers, in every phase, in every state of a key exchange."""

    def passed(self, phase: Phase, exchange: Exchange, strict: bool = True) -> set[int]:
        return {n for n in range(256) if verdict(phase, exchange, n, strict) is Verdict.PASS}

    def test_no_exchange(self) -> None:
        """Exactly what the phase allows passes, also while only we have asked for new keys."""
        for phase, allowed in ALLOWED.items():
            for exchange in (Exchange.NONE, Exchange.ASKED):
                for strict in (True, False):
                    self.assertEqual(self.passed(phase, exchange, strict), allowed, (phase, exchange))

    def test_strict_first_exchange(self) -> None:
        """In the first exchange a strict client may send its next message or disconnect, and nothing else."""
        self.assertEqual(self.passed(Phase.FIRST_KEX, Exchange.AGREED), {1, 30})
        self.assertEqual(self.passed(Phase.FIRST_KEX, Exchange.ANSWERED), {1, 21})
        self.assertEqual(self.passed(Phase.FIRST_KEX, Exchange.GUESSED), {1, *range(30, 50)})

    def test_other_exchanges(self) -> None:
        """In later exchanges, or if it is not strict, IGNORE, DEBUG and UNIMPLEMENTED pass too, and nothing else."""
        for exchange, awaited in ((Exchange.AGREED, 30), (Exchange.ANSWERED, 21)):
            self.assertEqual(self.passed(Phase.FIRST_KEX, exchange, strict=False), GENERIC | {awaited})
            for phase in (Phase.SERVICE, Phase.AUTH, Phase.OPEN):
                self.assertEqual(self.passed(phase, exchange), GENERIC | {awaited})

    def test_nothing_before_login(self) -> None:
        """Before login every message from 80 on is refused, not answered (RFC 4252 section 6)."""
        for phase in (Phase.VERSION, Phase.FIRST_KEX, Phase.SERVICE, Phase.AUTH):
            for exchange in Exchange:
                for number in range(80, 256):
                    self.assertIs(verdict(phase, exchange, number, False), Verdict.REFUSE)

    def test_direction(self) -> None:
        """What only a server says is refused from a client, in every phase."""
        for phase in Phase:
            for number in SERVER_ONLY:
                self.assertIs(verdict(phase, Exchange.NONE, number, True), Verdict.REFUSE)

    def test_unknown(self) -> None:
        """After login a number that nobody knows is answered (RFC 4253 section 11.4)."""
        for number in (0, 8, 29, 49, 62, 79, 83, 101, 192, 255):
            self.assertIs(verdict(Phase.OPEN, Exchange.NONE, number, True), Verdict.UNKNOWN)

    def test_late_authentication(self) -> None:
        """Login requests that were under way when login succeeded are ignored (RFC 4252 section 5.1)."""
        for number in (50, 61):
            self.assertIs(verdict(Phase.OPEN, Exchange.NONE, number, True), Verdict.IGNORE)
