"""
All workers as one: what an administrator sees of them, by the pages, numbers and names of a single process.

The law: who does not answer within a second holds up nobody; what it counted stays, what it holds is left out, and
that it was left out is counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prometheus_client import Counter, Gauge
from prometheus_client.core import Metric
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from swftp import __version__
from swftp.config import Config
from swftp.insight.insight import LAG_LIMIT, TICK
from swftp.insight.overview import SHOWN, shown_history
from swftp.insight.telling import Listening, of_2014, tellers
from swftp.metrics import History, Metrics, Sample
from swftp.metrics.history import MEAN
from swftp.workers.child import Child, Phase
from swftp.workers.merging import Logins, Past, growing, listed, merged, summed, told

FULLY = 10
"""Looks of which one is at everything: so many seconds of counting a worker that is killed may take with it."""
LARGEST = frozenset(("lag", "store_p50", "store_p95"))
"""Levels that are no sums: the worst worker's."""

log = Logger()


class _Registry:
    """What `prometheus_client.generate_latest` asks."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self.collect = collect


class Whole(MultiService):
    """
    See the module; answers as `swftp.web.Answers` says.

    :ivar registry: of all.
    """

    def __init__(self, config: Config, reactor: Any, children: Callable[[], Sequence[Child]]) -> None:
        """
        :param children: the workers there are.
        :raises ConfigError: something cannot be used.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._clock, self._children = reactor, children
        self._begun = self._looked = reactor.seconds()
        self._looks = 0
        self._logins = Logins()
        self._past, self._past_totals, self._past_classic = Past(), dict[str, float](), dict[str, dict[str, float]]()
        self._history, self._classic = History(), History(MEAN)
        self._own = Metrics().registry
        self._unanswered = Counter(
            "gw_workers_unanswered", "Questions to workers without an answer in time", registry=self._own
        )
        self._restarts = Counter("gw_worker_restarts", "Workers that had to be started again", registry=self._own)
        Gauge("gw_workers", "Workers that serve", registry=self._own).set_function(lambda: len(self._serving()))
        self.registry: Any = _Registry(self._collect)
        self._loop: Any = LoopingCall(self._tick)
        self._loop.clock = reactor
        for part in tellers(config, reactor, self, self.classic):
            part.setServiceParent(self)  # type: ignore[no-untyped-call]

    @property
    def addresses(self) -> list[Any]:
        """Where it listens, once it does."""
        return [part.address for part in self if isinstance(part, Listening)]

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        self._loop.start(TICK, now=False)

    def stopService(self) -> Any:
        """See `IService`."""
        if self._loop.running:
            self._loop.stop()
        return super().stopService()  # type: ignore[no-untyped-call]

    def _serving(self) -> list[Child]:
        return [child for child in self._children() if child.phase is Phase.SERVING]

    # -- asking ------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._looks += 1
        asked = Deferred.fromCoroutine(self._look(fully=self._looks % FULLY == 0))
        asked.addCallback(lambda _: self._note())
        asked.addErrback(lambda failure: log.failure("cannot look at workers", failure))

    async def look(self) -> None:
        """See `swftp.web.Answers`."""
        await self._look(fully=True)

    async def _look(self, *, fully: bool) -> None:
        living = [child for child in self._children() if child.phase in (Phase.SERVING, Phase.DRAINING)]
        await DeferredList([Deferred.fromCoroutine(child.look(fully=fully)) for child in living])
        self._unanswered.inc(sum(child.silent for child in living))

    def _note(self) -> None:
        now, levels = self._clock.seconds(), [child.counted.get("levels", {}) for child in self._answering()]
        totals = summed([self._past_totals, *(child.counted.get("totals", {}) for child in self._children())])
        self._history.add(Sample(time=time.time(), at=now, levels=summed(levels, LARGEST), totals=totals))
        numbers = {
            f"{protocol} {name}": value
            for protocol in ("sftp", "ftp")
            for name, value in self._totals_of_2014(protocol).items()
        }
        self._classic.add(Sample(time=time.time(), at=now, totals=numbers))

    def _answering(self) -> list[Child]:
        return [child for child in self._children() if not child.silent]

    def buried(self, child: Child, *, again: bool) -> None:
        """It is dead; what it had counted is not.  *again*: it is to be started again."""
        self._past.add(self._logins.folded(child.families))
        self._past_totals = summed([self._past_totals, child.counted.get("totals", {})])
        for protocol, numbers in child.counted.get("classic", {}).items():
            counted = {name: value for name, value in numbers.items() if name != "num_clients"}
            self._past_classic[protocol] = summed([self._past_classic.get(protocol, {}), counted])
        if again:
            self._restarts.inc()

    # -- telling -----------------------------------------------------------------------------------------------

    def _collect(self) -> Iterable[Metric]:
        parts = [self._past.families()]
        for child in self._children():
            families = growing(child.families) if child.silent else child.families
            parts.append(list(self._logins.folded(families)))
        own = told(self._own)
        quiet = [family for family in own if family[0].startswith(("process_", "python_", "gw_worker", "gw_build"))]
        return merged([*parts, quiet])

    def _totals_of_2014(self, protocol: str) -> dict[str, float]:
        counted = [child.counted.get("classic", {}).get(protocol, {}) for child in self._children()]
        return summed([self._past_classic.get(protocol, {}), *counted])

    def classic(self, protocol: str) -> tuple[dict[str, float], dict[str, float]]:
        """See `swftp.insight.telling.Classic`."""
        rates = {
            name.removeprefix(f"{protocol} "): rate
            for name, rate in self._classic.rates().items()
            if name.startswith(f"{protocol} ") and not name.endswith(" num_clients")
        }
        return {"num_clients": 0, **self._totals_of_2014(protocol)}, rates

    def statistics(self) -> dict[str, dict[str, float]]:
        """See `swftp.web.Answers`."""
        return of_2014(self.classic, "sftp", "ftp")

    def sessions(self) -> list[dict[str, Any]]:
        """See `swftp.web.Answers`."""
        return listed([child.now.get("sessions", ()) for child in self._answering()], "since", SHOWN)

    def status(self, since: int) -> dict[str, Any]:
        """See `swftp.web.Answers`."""
        said = [child.now for child in self._answering() if child.now]
        return {
            "version": __version__,
            "now": time.time(),
            "uptime": self._clock.seconds() - self._begun,
            "state": "serving" if self._serving() else "draining",
            "workers": len(self._serving()),
            "servers": summed(now["servers"] for now in said),
            "memory": {"used": 0, "limit": 0, **summed(now["memory"] for now in said)},
            "penalised": max((now["penalised"] for now in said), default=0),
            "logins": sum(now["logins"] for now in said),
            "sessions": self.sessions(),
            **shown_history(self._history, since),
        }

    def connections(self) -> int:
        """How many there are."""
        return int(sum(child.counted.get("levels", {}).get("connections", 0) for child in self._children()))

    def healthy(self) -> str:
        """See `swftp.web.Answers`."""
        serving = self._serving()
        silence = min((self._clock.seconds() - child.heard for child in serving), default=0.0)
        return f"no worker has answered for {silence:.1f} s" if silence > LAG_LIMIT + TICK else ""

    async def ready(self) -> str:
        """See `swftp.web.Answers`; one worker that is suffices."""
        trouble = "not accepting clients"
        for child in self._serving():
            try:
                trouble = await child.link.ask("ready", LAG_LIMIT)
            except Exception:  # no answer in time, or nobody to answer
                trouble = "no worker answers"
            if not trouble:
                return ""
        return trouble
