"""
How to reach the identity service and what its logins mean: values under their OpenStack names.

What is not set is empty, so that layers (configuration file, ``OS_*`` variables, a cloud of ``clouds.yaml``) can
be put over one another; `AuthSettings.kind` says which plugin an empty ``auth_type`` stands for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

V1 = "v1password"
V1_PATH = re.compile(r"/v1(\.0)?/?$")
DEFAULT_DOMAIN = "default"
"""Id of the domain that Keystone makes at first (``keystone-manage bootstrap``)."""


class SettingsError(ValueError):
    """An option cannot be used; *option* is its name, the message says what is allowed."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(f"{option}: {message}")
        self.option = option
        self.reason = message


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthSettings:
    """Durations are in seconds.  Names are those of keystoneauth1 plugins and of ``clouds.yaml``."""

    auth_url: str = "http://127.0.0.1:8080/auth/v1.0"
    """Of the identity service: ``…/auth/v1.0`` or ``…/v3``."""
    auth_type: str = ""
    """keystoneauth1 plugin; empty: ``v1password`` if *auth_url* ends in ``/v1`` or ``/v1.0``, else ``password``."""
    region_name: str = ""
    """Region of the catalogue's object store; empty: the first."""
    interface: str = "public"
    """``public``, ``internal`` or ``admin``: which endpoint of the object store."""
    user_domain_id: str = ""
    user_domain_name: str = ""
    """Domain of users whose login names none; if neither is set, the domain with the id ``default``."""
    project_domain_id: str = ""
    project_domain_name: str = ""
    """Domain of projects named without; if neither is set, the domain of the user."""
    project_id: str = ""
    project_name: str = ""
    """Project of logins that name none (with ``v1password``: the account to use instead of the user's own)."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Further options of the plugin, for instance ``identity_provider`` and ``protocol``."""
    cacert: str = ""
    """PEM file of certificate authorities to trust instead of the system's."""
    insecure: bool = False
    """Do not verify the identity service's certificate.  Warned of at each start."""
    timeout: float = 30.0
    """Seconds the identity service has for a reply, and a login in all for its turn and its reply."""
    threads: int = 8
    """Requests to the identity service at one time."""
    rewrite_storage_scheme: str = ""
    """Put in the storage URL in place of what the identity service said."""
    rewrite_storage_netloc: str = ""
    """``host[:port]`` put in the storage URL in place of what the identity service said."""
    storage_hosts: tuple[str, ...] = ()
    """Hosts that a storage URL may name, ``*.example.org`` for all below one; empty: any but link-local ones."""
    login_cache: float = 600.0
    """Seconds for which a login with the same secret is let in without asking again; 0: always ask."""
    refusal_cache: float = 30.0
    """Seconds for which a refused secret is refused again without asking."""

    @property
    def kind(self) -> str:
        """The name of the keystoneauth1 plugin."""
        if self.auth_type:
            return self.auth_type
        return V1 if V1_PATH.search(urlsplit(self.auth_url).path) else "password"

    def check(self) -> None:
        """
        :raises SettingsError: something cannot be right, whatever the identity service says.
        """
        parts = urlsplit(self.auth_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError("auth_url", f"{self.auth_url!r} is not an http or https URL")
        if parts.username or parts.password:
            raise SettingsError("auth_url", "must hold no user name or password")
        if self.rewrite_storage_scheme not in ("", "http", "https"):
            raise SettingsError("rewrite_storage_scheme", f"{self.rewrite_storage_scheme!r} is not http or https")
        if re.search(r"[/?#@\s]", self.rewrite_storage_netloc):
            raise SettingsError("rewrite_storage_netloc", f"{self.rewrite_storage_netloc!r} is not host[:port]")
        if self.threads < 1:
            raise SettingsError("threads", "at least 1 is needed")
        if self.timeout <= 0:
            raise SettingsError("timeout", "must be more than 0 seconds")
