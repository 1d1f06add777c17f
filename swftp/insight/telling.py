"""
Who is told how a gateway is, and where it may be asked: the status page, ``/stats.json``, StatsD.

Knows nothing of what there is to tell: a process by itself and the supervisor of many are told of alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from swftp.auth.reloaded import guarded_text
from swftp.auth.settings import SettingsError
from swftp.config import Config
from swftp.config.files import expanded
from swftp.metrics.statsd import Statsd
from swftp.web import Answers, Front, is_local, pages, site, statistics

BACKLOG = 64
LOCAL = re.compile(r":interface=(127\.[0-9.]+|\\?:\\?:1)(:|$)|^unix:")
"""Of an endpoint that only this machine reaches."""
SECRET_LEAST = 16
"""Characters: it is never typed, and may be guessed at as often as anybody likes."""

Classic = Callable[[str], tuple[dict[str, float], dict[str, float]]]
"""Of a protocol, the totals and rates of 2014."""

log = Logger()


class Listening(Service):
    """One server, for as long as the service runs; what it is for it outlives, to tell of its end."""

    def __init__(self, endpoint: IStreamServerEndpoint, factory: Any, name: str) -> None:
        self._endpoint, self._factory, self._name = endpoint, factory, name
        self._port: IListeningPort | None = None

    @property
    def address(self) -> Any:
        """Where it listens; None: it does not."""
        return self._port.getHost() if self._port is not None else None

    def privilegedStartService(self) -> None:
        """
        See `IService`.

        :raises CannotListenError: somebody else does.
        """
        failures: list[Failure] = []
        self._endpoint.listen(self._factory).addCallbacks(partial(setattr, self, "_port"), failures.append)
        for failure in failures:
            failure.raiseException()

    def startService(self) -> None:
        """See `IService`."""
        super().startService()  # type: ignore[no-untyped-call]
        address = self.address
        host, port = getattr(address, "host", str(address)), getattr(address, "port", 0)
        log.info("{what} on {host} port {port}", event="listening", what=self._name, host=host, port=port)

    def stopService(self) -> Deferred[Any]:
        """See `IService`."""
        super().stopService()  # type: ignore[no-untyped-call]
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port is not None else maybeDeferred(lambda: None)


def tellers(config: Config, reactor: Any, answers: Answers, classic: Classic) -> Iterator[Service]:
    """
    All that *config* asks for.

    :raises ConfigError: something cannot be used.
    """
    for name in config.protocols:
        options = getattr(config, name)
        if options.stats_host:
            front = Front(statistics(partial(of_2014, classic, name)), anybody=True)
            place = _place(reactor, options.stats_host, options.stats_port)
            yield Listening(place, site(front, reactor), f"statistics of {name}")
    token = secret_of(config, "web", "token_file")
    for endpoint in _endpoints(config, reactor, guarded=bool(token)):
        yield Listening(endpoint, site(Front(pages(answers), token), reactor), "status page")
    yield from _statsd(config, reactor, classic)


def of_2014(classic: Classic, *protocols: str) -> dict[str, dict[str, float]]:
    """The numbers of 2014 of *protocols* together."""
    totals: Counter[str] = Counter()
    rates: Counter[str] = Counter()
    for protocol in protocols:
        counted, gained = classic(protocol)
        totals.update(counted)
        rates.update({name: round(rate) for name, rate in gained.items()})
    return {"totals": dict(totals), "rates": dict(rates)}


def _statsd(config: Config, reactor: Any, classic: Classic) -> Iterator[Service]:
    def told(protocol: str) -> tuple[dict[str, float], dict[str, float]]:
        totals, _ = classic(protocol)
        return totals, {"num_clients": totals.pop("num_clients")}

    for name in config.protocols:
        options = getattr(config, name)
        if options.log_statsd_host:
            yield Statsd(
                reactor,
                (options.log_statsd_host, options.log_statsd_port),
                options.log_statsd_sample_rate,
                options.log_statsd_metric_prefix,
                partial(told, name),
            )


def secret_of(config: Config, section: str, option: str) -> str:
    """
    What is in the file that *option* names; "": it names none.

    :raises ConfigError: it cannot be read, or others can, or what is in it is soon guessed.
    """
    name = getattr(getattr(config, section), option)
    if not name:
        return ""
    try:
        secret = guarded_text(expanded(name), option, 0o077).strip()
    except SettingsError as error:
        raise config.problem(section, error.option, error.reason) from error
    if len(secret) < SECRET_LEAST or not secret.isascii():
        raise config.problem(section, option, f"{name}: allowed: {SECRET_LEAST} or more characters of ASCII")
    return secret


def _endpoints(config: Config, reactor: Any, *, guarded: bool) -> list[IStreamServerEndpoint]:
    """
    Where the status page is.

    :raises ConfigError: it would be told to anybody, or what ``listen`` says is no endpoint.
    """
    web = config.web
    if web.listen:
        if not guarded and not all(LOCAL.search(text) for text in web.listen):
            raise config.problem("web", "listen", "needs token_file, unless each says interface=127.0.0.1")
        try:
            return [serverFromString(reactor, text) for text in web.listen]  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise config.problem("web", "listen", f"no endpoint: {error}") from error
    if not web.port:
        return []
    if not guarded and not is_local(web.host):
        raise config.problem("web", "host", f"{web.host} is not of loopback, and needs token_file")
    return [_place(reactor, web.host, web.port)]


def _place(reactor: Any, host: str, port: int) -> IStreamServerEndpoint:
    kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
    return kind(reactor, port, BACKLOG, host)
