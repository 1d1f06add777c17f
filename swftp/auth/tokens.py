"""
Asks the identity service for tokens, by keystoneauth1 plugins in threads.

Whatever a plugin raises leaves here as `Denied` or `Down`, without its cause: the exceptions of requests and
keystoneauth1 hold the request, and the request holds the secret.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from keystoneauth1 import exceptions, loading
from keystoneauth1.access import AccessInfo
from keystoneauth1.session import Session
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.cookies import RequestsCookieJar
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from urllib3.exceptions import HTTPError, ReadTimeoutError

from swftp.auth.endpoint import storage_url
from swftp.auth.logins import APPCRED, Identity
from swftp.auth.refusals import Denied, Down
from swftp.auth.settings import DEFAULT_DOMAIN, V1, AuthSettings, SettingsError
from swftp.config.files import expanded
from swftp.interfaces import Access

WAITING_LIMIT = 1024
"""Requests to the identity service that are under way or wait for a thread."""
TOO_LATE = "the identity service does not answer in time"

log = Logger()
T = TypeVar("T")
InThread = Callable[[Callable[[], T]], Deferred[T]]
"""Runs a callable in another thread: ``partial(deferToThreadPool, reactor, pool)``."""

REPLY_LIMIT = 4 << 20
"""Bytes of a reply of the identity service; a catalogue of fifty services in ten regions has 200 KiB."""


@dataclass(frozen=True, slots=True)
class Credential:
    """An identity and the secret that proves it."""

    identity: Identity
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the identity service said."""

    token: str = field(repr=False)
    url: str
    life: float | None
    """Seconds; None: unknown."""
    names: tuple[str, ...] = ()
    user: str = ""
    """See `swftp.interfaces.Access`."""

    def ends(self, asked: float) -> float | None:
        """When the token that was asked for at *asked* ends; a life of nothing is a second, not a busy loop."""
        return None if self.life is None else asked + max(self.life, 1.0)


class BoundedAdapter(HTTPAdapter):
    """Reads replies whole, but only so many bytes and for so many seconds."""

    def __init__(self, limit: int, seconds: float, connections: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=connections)
        self._limit = limit
        self._seconds = seconds

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """As of `HTTPAdapter`.

        :raises requests.ConnectionError: the reply is too large or takes too long.
        """
        deadline = time.monotonic() + self._seconds
        response = super().send(request, **{**options, "stream": True})
        try:
            response._content = self._body(response.raw, deadline)  # from where json() and text take it
        except requests.RequestException:
            response.close()
            raise
        except ReadTimeoutError:
            response.close()
            raise requests.ReadTimeout(request=request) from None
        except HTTPError:
            response.close()
            raise requests.ConnectionError("the reply breaks off", request=request) from None
        return response

    def _body(self, raw: Any, deadline: float) -> bytes:
        body = bytearray()
        while data := raw.read1(65536, decode_content=True):  # what is there: iter_content waits for all 64 KiB
            body += data
            if len(body) > self._limit or time.monotonic() > deadline:
                raise requests.ConnectionError("the reply is too large or takes too long")
        return bytes(body)


class IdentityService:
    """The identity service of *settings*."""

    def __init__(
        self,
        settings: AuthSettings,
        clock: IReactorTime,
        in_thread: InThread[Any],
        adapter: BaseAdapter | None = None,
    ) -> None:
        """
        :param adapter: speaks HTTP in place of our own.
        :raises SettingsError: there is no such plugin, or it has no such option.
        """
        settings.check()
        self.settings = settings
        self._clock = clock
        self._in_thread = in_thread
        self._plugins: dict[str, tuple[loading.BaseLoader[Any], frozenset[str]]] = {}
        self._check_options()
        self._warn()
        self._session = self._make_session(adapter)
        self._waiting = 0

    def authenticate(self, credential: Credential) -> Deferred[Access]:
        """
        A new token.

        :raises Denied: the service says no.
        :raises Down: it says nothing that helps.
        """
        if self._waiting >= WAITING_LIMIT:
            raise Down("too many logins wait for the identity service")
        asked = self._clock.seconds()
        give_up = asked + self.settings.timeout

        def ask() -> Answer:
            if self._clock.seconds() >= give_up:
                raise Down(TOO_LATE)
            return self._ask(credential)

        def late(failure: Failure, _seconds: float) -> Failure:
            raise Down(TOO_LATE)

        def made(answer: Answer) -> Access:
            url = storage_url(answer.url, self.settings)
            return Access(answer.token, url, answer.ends(asked), answer.names, answer.user)

        self._waiting += 1
        reply = self._in_thread(ask)
        reply.addTimeout(self.settings.timeout, self._clock, late)
        return reply.addBoth(self._answered).addCallback(made)

    def _answered(self, answer: T) -> T:
        self._waiting -= 1
        return answer

    def options_of(self, plugin: str) -> frozenset[str]:
        """
        Names of the options of a keystoneauth1 plugin.

        :raises SettingsError: there is no such plugin.
        """
        if plugin not in self._plugins:
            try:
                loader: loading.BaseLoader[Any] = loading.get_plugin_loader(plugin)
            except exceptions.NoMatchingPlugin:
                raise SettingsError("auth_type", f"{plugin!r} is not an installed keystoneauth1 plugin") from None
            self._plugins[plugin] = loader, frozenset(option.dest for option in loader.get_options())
        return self._plugins[plugin][1]

    def check(self, credential: Credential) -> None:
        """
        :raises SettingsError: a plugin cannot be made of it.
        :raises Denied: nor can a request.
        """
        try:
            self._plugin(credential)
        except exceptions.ClientException as error:  # it names options, never their values
            raise SettingsError(credential.identity.plugin, str(error)) from None

    def _warn(self) -> None:
        """At each start: what an operator should not get used to."""
        url = urlsplit(self.settings.auth_url)
        if self.settings.insecure:
            log.warn("INSECURE: the certificate of the identity service is not verified (option insecure)")
        if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
            log.warn("secrets go to {host} in clear: its auth_url is not https", host=url.hostname)

    def _check_options(self) -> None:
        kind, known = self.settings.kind, self.options_of(self.settings.kind)
        self.options_of(APPCRED)
        for name in self.settings.options:
            if name not in known:
                raise SettingsError("options", f"the auth_type {kind} has no option {name}")
        if kind not in (V1, APPCRED) and not {"auth_url", "username", "password"} <= known:
            raise SettingsError("auth_type", f"{kind} does not take a user name and a password")

    def _ask(self, credential: Credential) -> Answer:
        """Runs in a thread."""
        try:
            plugin = self._plugin(credential)
            access = plugin.get_access(self._session)
            url = plugin.get_endpoint(
                self._session,
                service_type="object-store",
                interface=self.settings.interface,
                region_name=self.settings.region_name or None,
                skip_discovery=True,
            )
            answer = Answer(access.auth_token, url, life_of(access), *whose(access))
        except Exception as error:
            refusal: Denied | Down = translated(error, credential.identity.plugin)
        else:
            if answer.token and answer.url:
                return answer
            refusal = Down("the identity service's reply lacks a token or a storage URL")
        raise refusal  # out here it has no __context__ either

    def _plugin(self, credential: Credential) -> Any:
        identity = credential.identity
        loader, known = self._plugins[identity.plugin]
        options, secret = dict(identity.options), credential.secret
        if identity.plugin == V1:
            options = {name: header_text(value) for name, value in options.items()}
            secret = header_text(secret)
        if options.get("user_domain_id") == DEFAULT_DOMAIN and "user_domain_id" not in known:
            del options["user_domain_id"]  # nobody asked for it: federated plugins know no domains
        if not known.issuperset(options):
            raise Denied(f"the auth_type {identity.plugin} has no place for a domain or project in the login name")
        options |= {"auth_url": self.settings.auth_url, identity.secret_option: secret}
        plugin: Any = loader.load_from_options(**options)
        plugin.reauthenticate = False  # else a token near its end is asked for twice: for itself, and for the URL
        return plugin

    def _make_session(self, adapter: BaseAdapter | None) -> Session:
        settings = self.settings
        http = requests.Session()
        http.trust_env = False  # ~/.netrc and proxies are for people
        http.cookies = RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
        http.adapters.clear()  # and so no https service can send us to http
        scheme = settings.auth_url.partition("://")[0] + "://"
        http.mount(scheme, adapter or BoundedAdapter(REPLY_LIMIT, settings.timeout, settings.threads))
        verify = not settings.insecure and (_authorities(settings.cacert) or _system_authorities())
        return Session(session=http, verify=verify, timeout=settings.timeout, redirect=False, app_name="swftp")


def header_text(text: str) -> str:
    """
    *text* as requests sends it in UTF-8, in an HTTP header, for v1 authentication.

    :raises Denied: a header cannot hold it; requests would quote it in its complaint.
    """
    if text != text.strip():
        raise Denied("name or secret begins or ends with a space, which v1 authentication cannot say")
    return text.encode().decode("latin-1")


def life_of(access: Any) -> float | None:
    """Seconds for which the token of a keystoneauth1 *access* is good; None: unknown."""
    if access.expires is None:
        return None
    try:
        issued = access.issued.timestamp()  # by the service's own clock: ours may be wrong
    except (KeyError, AttributeError):
        issued = time.time()
    return float(access.expires.timestamp() - issued)


def whose(access: Any) -> tuple[tuple[str, ...], str]:
    """The names of the user of a keystoneauth1 *access*, and what is the same for all of its logins."""
    if not isinstance(access, AccessInfo):
        return (), ""  # v1 says nothing of it
    said: dict[str, str] = {}
    for part in ("username", "user_id", "user_domain_name", "user_domain_id", "project_name", "project_id"):
        try:
            said[part] = getattr(access, part) or ""
        except KeyError:  # a token without project
            said[part] = ""
    user = said.pop("user_id")
    return Identity("", tuple(said.items())).spellings, f"{user}\0{said['project_id']}" if user else ""


def translated(error: Exception, plugin: str) -> Denied | Down:
    """What *error*, of a keystoneauth1 *plugin*, means; holds nothing of it but harmless words."""
    if isinstance(error, Denied | Down):
        return error
    if isinstance(error, exceptions.Unauthorized):
        return Denied("wrong name or secret (401)")
    if isinstance(error, exceptions.Forbidden):
        return Denied("forbidden by the identity service (403)")
    if isinstance(error, exceptions.MissingAuthMethods):
        return Denied("the identity service wants a second factor")
    if isinstance(error, exceptions.InvalidResponse):
        status = error.response.status_code
        if 300 <= status < 400:
            return Down(f"the identity service redirects ({status}); redirects are not followed, see auth_url")
        return Down(f"the identity service's reply ({status}) is not one: no token or no storage URL; see auth_url")
    if isinstance(error, exceptions.NotFound) and plugin == APPCRED:  # so Keystone says it, and not 401
        return Denied("no such application credential (404; or a wrong auth_url)")
    if isinstance(error, exceptions.HttpError):
        return Down(f"the identity service answers {error.http_status}")
    for kind, words in UNREACHABLE.items():
        if isinstance(error, kind):
            return Down(words)
    return Down(f"the identity service's reply makes no sense ({type(error).__name__})")


UNREACHABLE: dict[type[Exception], str] = {
    exceptions.SSLError: "TLS with the identity service fails: certificate not trusted? see cacert",
    exceptions.ConnectTimeout: TOO_LATE,
    exceptions.ConnectFailure: "no connection to the identity service",
    exceptions.ConnectionError: "no connection to the identity service, or an address it may not send us to",
    exceptions.EndpointNotFound: "no object store in the catalogue for this login, region, interface (no project?)",
    exceptions.DiscoveryFailure: "the identity service names no version that we speak; see auth_url",
}


def _authorities(cacert: str) -> str:
    """
    :raises SettingsError: there is no such file.
    """
    path = str(expanded(cacert)) if cacert else ""
    if path and not Path(path).exists():
        raise SettingsError("cacert", f"there is no {path}")
    return path


def _system_authorities() -> bool | str:
    """Where the system keeps the certificate authorities that it trusts; True: those that requests brings."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True
