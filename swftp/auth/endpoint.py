"""
The storage URL that an identity service names: rewritten as configured, then checked.

Every URL comes through here, after a login and after every renewal alike.  A reply that points at something on the
link, or back from TLS to plain text, would hand tokens and data to whoever forged it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit, urlunsplit

from swftp.auth.refusals import Down
from swftp.auth.settings import AuthSettings


def storage_url(url: str, settings: AuthSettings) -> str:
    """
    Where the account is, without trailing slash.

    :raises Down: *url* is none that we may use.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise Down("the storage URL of the identity service does not parse") from None
    if (
        parts.scheme not in ("http", "https")
        or not host
        or parts.username is not None
        or parts.query
        or parts.fragment
    ):
        raise Down("the storage URL of the identity service is not a plain http or https URL")
    if re.search(r"[\x00-\x20\x7f]|[^\x00-\x7f]", url):
        raise Down("the storage URL of the identity service holds characters that no URL has")
    parts = parts._replace(
        scheme=settings.rewrite_storage_scheme or parts.scheme,
        netloc=settings.rewrite_storage_netloc or parts.netloc,
        path=parts.path.rstrip("/"),
    )
    _check(parts.scheme, parts.hostname or "", settings)
    return urlunsplit(parts)


def _check(scheme: str, host: str, settings: AuthSettings) -> None:
    downgraded = scheme == "http" and urlsplit(settings.auth_url).scheme == "https"
    if downgraded and not settings.rewrite_storage_scheme:
        raise Down("the identity service speaks https and names an http storage URL; see rewrite_storage_scheme")
    if settings.rewrite_storage_netloc:
        return
    if settings.storage_hosts:
        if not any(_matches(host, pattern.lower()) for pattern in settings.storage_hosts):
            raise Down(f"the storage URL names host {host!r}, which is not among storage_hosts")
    elif _is_link_local(host):
        raise Down(f"the storage URL names link-local host {host!r}; see storage_hosts")


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _is_link_local(host: str) -> bool:
    """Whether *host* is an address, however written, of 169.254.0.0/16 or fe80::/10 (cloud metadata lives there)."""
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(host))  # 0xa9fea9fe, 2852039166: resolvers take them
        except OSError:
            return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_link_local
