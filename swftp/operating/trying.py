"""
Tries a login, and asks whether the identity service and the store are there.

Both go the way that clients go: by the checkers and stores of the configuration, with its certificates and timeouts.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin

from swftp.auth.checkers import PasswordOf
from swftp.auth.login import Login
from swftp.auth.refusals import LoginUnavailable
from swftp.errors import Unavailable
from swftp.paths import ROOT
from swftp.stores.accounts import Opens


@asynccontextmanager
async def logged_in(name: str, secret: str, checkers: Sequence[Any]) -> AsyncIterator[Login]:
    """
    The login *name*, while the block lasts.

    :raises UnauthorizedLogin: it is refused, or nobody can say.
    """
    checker = next(one for one in checkers if IUsernamePassword in one.credentialInterfaces)
    login: Login = await checker.requestAvatarId(PasswordOf(os.fsencode(name), os.fsencode(secret), ""))
    try:
        yield login
    finally:
        login.access.release()


async def look(name: str, secret: str, checkers: Sequence[Any], stores: Opens) -> list[str]:
    """
    What is to be said of the login *name* that was let in, line by line.

    :raises UnauthorizedLogin: it is refused, or nobody can say.
    :raises StorageError: the store does not show the root of the login.
    """
    async with logged_in(name, secret, checkers) as login:
        storage: Any = await stores.open(login.access, session="whoami")
        page = await storage.list(ROOT.join(login.root), None)
        await storage.settle()
        more = " or more" if page.after is not None else ""
        return [
            f"login: accepted by {login.method}",
            f"root: {login.root}",
            f"store: answers; {len(page.entries)}{more} names in the root",
        ]


async def stranger(checkers: Sequence[Any]) -> str:
    """Why a login that cannot be right gets no proper answer; "": it is refused, as it should be."""
    try:
        async with logged_in(f"probe-{secrets.token_hex(8)}:probe", secrets.token_hex(16), checkers):
            return "the identity service lets anybody in"
    except LoginUnavailable as error:
        return error.reason
    except Unavailable as error:
        return str(error)
    except UnauthorizedLogin:
        return ""
