"""
The credentials file: secrets that public keys stand for, for clients that have a key and no password.

An INI file that only its owner may read.  Each section is a credential: either ``login`` and ``password`` as a client
would type them, or options of a keystoneauth1 plugin under their own names::

    [backup]
    auth_type = v3applicationcredential
    application_credential_id = 21dc…
    application_credential_secret = …

    [tester]
    login = test:tester
    password = testing
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from swftp.auth import logins
from swftp.auth.logins import APPCRED, APPCRED_SECRET, Identity
from swftp.auth.refusals import Denied
from swftp.auth.reloaded import guarded_text
from swftp.auth.settings import SettingsError
from swftp.auth.tokens import Credential, IdentityService

OPTION = "credentials"
WHO = frozenset(("username", "user_id", "application_credential_id", "application_credential_name"))
"""Options that say whose credential it is."""
FORBIDDEN = 0o037
"""Permission bits it must not have: a group of its own may read it."""


def read_credentials(path: Path, service: IdentityService) -> Mapping[str, Credential]:
    """
    The credentials of *path* by name.

    :param service: what they are for.
    :raises SettingsError: it cannot be read, is readable for others, or is wrong.
    """
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(guarded_text(path, OPTION, FORBIDDEN), str(path))
    except configparser.Error as error:
        raise SettingsError(OPTION, _without_secrets(path, error)) from None
    credentials = {}
    for name in parser.sections():
        try:
            credentials[name] = _credential(dict(parser[name]), service)
            service.check(credentials[name])
        except (Denied, SettingsError) as error:
            raise SettingsError(OPTION, f"{path}: [{name}]: {error.reason}") from None
    return credentials


def _credential(options: dict[str, str], service: IdentityService) -> Credential:
    if "login" in options:
        if options.keys() != {"login", "password"}:
            raise SettingsError("login", "beside login there is password, and nothing else")
        name, secret = logins.decoded(options["login"].encode(), options["password"].encode())
        return Credential(logins.parse(name, service.settings), secret)
    plugin = options.pop("auth_type", APPCRED if APPCRED_SECRET in options else service.settings.kind)
    known = service.options_of(plugin)
    for option in options:
        if option not in known or option == "auth_url":
            raise SettingsError(option, f"{plugin} has no option {option}")
    secret_option = APPCRED_SECRET if plugin == APPCRED else "password"
    if not options.get(secret_option):
        raise SettingsError(secret_option, f"{secret_option} is missing")
    if not WHO & options.keys():
        raise SettingsError("username", f"one of {', '.join(sorted(WHO))} is needed")
    secret = options.pop(secret_option)
    return Credential(Identity(plugin, tuple(sorted(options.items())), secret_option), secret)


def _without_secrets(path: Path, error: configparser.Error) -> str:
    """Where *error* is; its own words quote the line."""
    line = getattr(error, "lineno", None)
    if line is None and isinstance(error, configparser.ParsingError) and error.errors:
        line = error.errors[0][0]
    place = f"{path}:{line}" if line else str(path)
    what = {
        configparser.DuplicateSectionError: "a section appears twice",
        configparser.DuplicateOptionError: "an option appears twice",
        configparser.MissingSectionHeaderError: "the first line is no [section]",
    }
    return f"{place}: {what.get(type(error), 'the line is neither [section] nor option = value')}"
