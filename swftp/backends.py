"""
The two kinds of stores, each with its way to log in: configuration -> what a gateway needs of them.

Nothing here starts anything; what has to run while the gateway does is among `Backend.services`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.registry import Collector
from twisted.application.service import IService
from twisted.logger import Logger

from swftp import trust, wiring
from swftp.auth.accounts import AccountKeyChecker, AccountPasswordChecker, Rights
from swftp.auth.assembly import Authentication
from swftp.auth.settings import AuthSettings
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.config import Config
from swftp.interfaces import UNWATCHED, StoreWatch
from swftp.services import Pooled, Threads
from swftp.storage.swift import Connections, Options, Policy
from swftp.stores.accounts import Opens
from swftp.stores.swift import Reach, SwiftStores

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One kind of store."""

    auth: Authentication
    stores: Opens
    services: tuple[IService, ...]
    probe: Callable[[], Awaitable[object]]
    """Whether the store is there; raises `StorageError` where it is not."""
    renew: Callable[[Config], Authentication] | None = None
    """Logins as another configuration says, with the throttle of before; raises ConfigError.  None: they stay."""
    tells: Collector | None = None
    """What Prometheus is told of this kind of store alone."""


def backend(config: Config, environ: Mapping[str, str], reactor: Any, watch: StoreWatch | None = None) -> Backend:
    """
    Of the kind that ``storage`` in ``[storage]`` says.

    :param watch: is told of each request to the store.
    :raises ConfigError: something it needs cannot be used.
    """
    if config.storage.storage == "zerostor":
        return zerostor(config, reactor, watch)
    return swift(config, environ, reactor, watch)


def zerostor(config: Config, reactor: Any, watch: StoreWatch | None = None) -> Backend:
    """
    A database with logins of its own, and shards.

    :raises ConfigError: something it needs cannot be used, or is not installed.
    """
    try:
        from swftp.stores.zerostor import ZeroService, ZeroStores, ZeroUsers
    except ImportError as error:
        problem = f"zerostor needs {error.name}: pip install 'swftp[zerostor]'"
        raise config.problem("storage", "storage", problem) from error
    try:
        throttle = Throttle(wiring.chosen(config.throttle, ThrottleSettings), reactor)
    except ValueError as error:
        raise config.problem("throttle", "exempt", str(error)) from error
    service = ZeroService(config, reactor, watch=watch or UNWATCHED)
    users, rights = ZeroUsers(service), Rights()
    checkers = (
        AccountPasswordChecker(users, rights, throttle),
        AccountKeyChecker(users, rights, throttle, time.time),
    )
    auth = Authentication(checkers=checkers, throttle=throttle)
    return Backend(
        auth=auth,
        stores=ZeroStores(service),
        services=(service,),
        probe=lambda: service.opened.refresh(),
        tells=service,
    )


def swift(config: Config, environ: Mapping[str, str], reactor: Any, watch: StoreWatch | None = None) -> Backend:
    """
    Swift, and Keystone or whatever else its tokens come from.

    :raises ConfigError: something it needs cannot be used.
    """
    settings = wiring.auth_settings(config, environ)
    if settings.insecure:
        log.warn("insecure is set: certificates are not verified", event="configuration")
    asking = Threads("auth", settings.threads, reactor)
    auth = wiring.authentication(config, settings, reactor, asking.run)
    reach = swift_reach(config, settings, reactor, watch)

    def renew(now: Config) -> Authentication:
        fresh = wiring.auth_settings(now, environ)
        return wiring.authentication(now, fresh, reactor, asking.run, auth.throttle)

    services = (asking, Pooled(reach.connections))
    return Backend(
        auth=auth,
        stores=SwiftStores(reach),
        services=services,
        renew=renew,
        probe=lambda: reach.connections.probe(settings.auth_url),
    )


def swift_reach(config: Config, auth: AuthSettings, reactor: Any, watch: StoreWatch | None = None) -> Reach:
    """
    How Swift is talked to.

    :raises ConfigError: the certificate authorities cannot be used.
    """
    storage = config.storage
    try:
        trusted = trust.policy(auth.cacert, auth.insecure)
    except trust.NoAuthority as error:
        raise config.problem("auth", "cacert", str(error)) from error
    return Reach(
        clock=reactor,
        wall=time.time,
        connections=Connections(
            reactor,
            num_persistent_connections=storage.num_persistent_connections,
            connection_timeout=storage.connection_timeout,
            connect_timeout=storage.connect_timeout,
            policy=trusted,
            watch=watch,
        ),
        policy=wiring.chosen(
            storage,
            Policy,
            connections_per_session=storage.num_connections_per_session,
            extra_headers=dict(storage.extra_headers),
            log_requests=any(getattr(config, name).verbose for name in config.protocols),
        ),
        options=wiring.chosen(storage, Options),
    )
