"""
Login names -> `Identity`: whom to ask the identity service for.  What could mean two things is refused.

``v1password`` (TempAuth, swauth)
    The name goes to the service as it is: ``account:user``.

Keystone v3 (``password``, ``v3password`` and every other plugin with a user and a password)::

    login    = user ["@" domain] ["/" project ["@" domain]]
             | "appcred:" id
             | "appcred:" name "/" user ["@" domain]

    What is left out comes from the settings; a project without domain is in the user's domain unless the
    settings name one.  In every part ``%40`` stands for ``@``, ``%2F`` for ``/``, ``%3A`` for ``:`` and ``%25``
    for ``%``; a bare ``@`` or ``/`` too many is an error, and so is any other use of ``%``.

``v3applicationcredential``
    As above without the plain form; ``appcred:`` may be left out.

With an application credential the password is its secret, and a project is never named: it has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from swftp.auth.refusals import Denied
from swftp.auth.settings import DEFAULT_DOMAIN, V1, AuthSettings

NAME_LIMIT = 1024
"""Bytes of a login name."""
SECRET_LIMIT = 1024
"""Bytes of a password: longer ones only cost the identity service time."""
PART_LIMIT = 255
"""Characters of a Keystone name (its JSON schema); longer ones would be answered 400, as if we were wrong."""
APPCRED = "v3applicationcredential"
APPCRED_SECRET = "application_credential_secret"  # noqa: S105  (its name)
APPCRED_PREFIX = "appcred:"
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
ESCAPE = re.compile(r"%(.{0,2})", re.DOTALL)
ESCAPES = {"40": "@", "2F": "/", "2f": "/", "3A": ":", "3a": ":", "25": "%"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom to ask for: a keystoneauth1 plugin and its options, all but the secret."""

    plugin: str
    options: tuple[tuple[str, str], ...]
    secret_option: str = "password"  # noqa: S105  (its name)

    @property
    def key(self) -> str:
        """The same for every spelling of one identity; for counting and caching."""
        return "\0".join([self.plugin, *(f"{name}={value}" for name, value in self.options)])

    @property
    def spellings(self) -> tuple[str, ...]:
        """Whom it is, with and without domain and project."""
        options = dict(self.options)
        user = options.get("username", "")
        if not user:
            return ()
        domains = [options[name] for name in ("user_domain_name", "user_domain_id") if options.get(name)]
        users = [user, *(f"{user}@{domain}" for domain in domains)]
        projects = [options[name] for name in ("project_name", "project_id") if options.get(name)]
        return (*users, *(f"{name}/{project}" for name in users for project in projects))

    @property
    def person(self) -> str:
        """The same for every project of one user; it is users whom identity services lock out."""
        return "\0".join(f"{name}={value}" for name, value in self.options if not name.startswith("project_"))


def decoded(name: bytes, secret: bytes) -> tuple[str, str]:
    """
    Both as text.

    :raises Denied: not UTF-8, empty, too long, or with control characters.
    """
    if not name or len(name) > NAME_LIMIT or not secret or len(secret) > SECRET_LIMIT:
        raise Denied("name or secret is empty or too long")
    try:
        texts = name.decode("utf-8"), secret.decode("utf-8")
    except UnicodeDecodeError:
        raise Denied("name or secret is not UTF-8") from None
    if any(CONTROL.search(text) for text in texts):
        raise Denied("name or secret holds control characters")
    return texts


def parse(name: str, settings: AuthSettings) -> Identity:
    """
    Whom the login *name* means under *settings*.

    :raises Denied: it does not parse, or could mean two things.
    """
    if settings.kind == V1:
        return Identity(V1, _sorted({"username": name, "project_name": settings.project_name}))
    if name.startswith(APPCRED_PREFIX):
        return _application_credential(name.removeprefix(APPCRED_PREFIX), settings)
    if settings.kind == APPCRED:
        return _application_credential(name, settings)
    return _user(name, settings)


def _user(name: str, settings: AuthSettings) -> Identity:
    user_text, slash, project_text = name.partition("/")
    user, user_domain = _named(user_text)
    options = {"username": user, **_user_domain(user_domain, settings)}
    if slash:
        project, project_domain = _named(project_text)
        options |= {"project_name": project, **_project_domain(project_domain, user_domain, settings)}
    elif settings.project_id:
        options["project_id"] = settings.project_id
    elif settings.project_name:
        options |= {"project_name": settings.project_name, **_project_domain("", user_domain, settings)}
    return Identity(settings.kind, _sorted({**settings.options, **options}))


def _application_credential(text: str, settings: AuthSettings) -> Identity:
    credential, slash, user_text = text.partition("/")
    if not slash:
        options = {"application_credential_id": _part(credential)}
    else:
        user, domain = _named(user_text)
        options = {"application_credential_name": _part(credential), "username": user}
        options |= _user_domain(domain, settings)
    return Identity(APPCRED, _sorted(options), APPCRED_SECRET)


def _user_domain(named: str, settings: AuthSettings) -> dict[str, str]:
    if named:
        return {"user_domain_name": named}
    if settings.user_domain_id or settings.user_domain_name:
        return {"user_domain_id": settings.user_domain_id, "user_domain_name": settings.user_domain_name}
    return {"user_domain_id": DEFAULT_DOMAIN}


def _project_domain(named: str, user_domain: str, settings: AuthSettings) -> dict[str, str]:
    if named:
        return {"project_domain_name": named}
    if settings.project_domain_id or settings.project_domain_name:
        return {"project_domain_id": settings.project_domain_id, "project_domain_name": settings.project_domain_name}
    of_user = _user_domain(user_domain, settings)
    return {option.replace("user_", "project_"): value for option, value in of_user.items()}


def _named(text: str) -> tuple[str, str]:
    """``name[@domain]``; the domain is ``""`` where none is given."""
    name, at, domain = text.partition("@")
    return _part(name), _part(domain) if at else ""


def _part(text: str) -> str:
    if "@" in text or "/" in text:
        raise Denied("ambiguous login name: write %40 for @ and %2F for / inside a name")
    part = ESCAPE.sub(_unescape, text)
    if not part or len(part) > PART_LIMIT:
        raise Denied("a part of the login name is empty or too long")
    return part


def _unescape(match: re.Match[str]) -> str:
    try:
        return ESCAPES[match[1]]
    except KeyError:
        raise Denied("login name holds a % that is not %40, %2F, %3A or %25") from None


def _sorted(options: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in options.items() if value))
