"""
The keys of accounts: made for an account's first chunk, kept encrypted in the database, remembered here decrypted.

A key is never replaced, so what was encrypted with it can be read as long as its row is there.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from twisted.internet.defer import Deferred

from swftp.errors import Corrupt
from swftp.flight import Flight
from swftp.storage.zerostor.chunks.masterkey import KEY_BYTES, MasterKeys

MOST = 10_000
"""Keys that are remembered, those used last."""
PAGE = 500


class WrappedKey(Protocol):
    """A row of the database."""

    @property
    def id(self) -> int:
        """Names it for good."""

    @property
    def account(self) -> UUID:
        """Whose chunks it encrypts."""

    @property
    def wrapped(self) -> bytes:
        """The key, encrypted."""


class KeyStore(Protocol):
    """Where wrapped keys are kept; raises what the database does."""

    async def account_key(self, account: UUID) -> WrappedKey | None:
        """The one that *account* encrypts with."""

    async def add_key(self, account: UUID, wrapped: bytes) -> WrappedKey:
        """Give *account* this key, if it has none; the one it has then."""

    async def wrapped_key(self, number: int) -> WrappedKey | None:
        """The one of this id."""

    async def wrapped_keys(self, after: int | None, limit: int) -> Sequence[WrappedKey]:
        """By id, from the one behind *after* on."""

    async def replace_key(self, number: int, old: bytes, new: bytes) -> bool:
        """Keep *new* in the place of *old*; False: it is not *old* any more."""


class Keyring:
    """
    Of one process.

    :param entropy: gives so many random bytes.
    """

    def __init__(self, master: MasterKeys, store: KeyStore, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._master = master
        self._store = store
        self._entropy = entropy
        self._flights: dict[UUID, Flight[int]] = {}
        self._keys: OrderedDict[int, tuple[UUID, bytes]] = OrderedDict()
        self._current: OrderedDict[UUID, int] = OrderedDict()

    async def data_key(self, account: UUID) -> tuple[int, bytes]:
        """The key that *account* encrypts with, and its id; made if there is none."""
        number = self._current.get(account)
        if number is None:
            number = await self._found(account)
        return number, await self.key(number, account)

    async def _found(self, account: UUID) -> int:
        """The same, asked for once by all who want it now: nobody waits longer than for one answer."""
        flight = self._flights.setdefault(account, Flight())
        try:
            return await flight.join(lambda: Deferred.fromCoroutine(self._find(account)))
        finally:
            if not flight.busy and self._flights.get(account) is flight:
                del self._flights[account]

    async def _find(self, account: UUID) -> int:
        row = await self._store.account_key(account)
        if row is None:
            row = await self._store.add_key(account, self._master.wrap(self._entropy(KEY_BYTES)))
        self._remember(row)
        self._current[account] = row.id
        if len(self._current) > MOST:
            self._current.popitem(last=False)
        return row.id

    async def key(self, number: int, account: UUID) -> bytes:
        """
        The key *number*.

        :raises Corrupt: there is none of *account*, or no master key decrypts it.
        """
        known = self._keys.get(number)
        if known is None or known[0] != account:  # of one that was dropped: its number may be that of a new key now
            row = await self._store.wrapped_key(number)
            if row is None:
                raise Corrupt("a data key is missing")
            known = self._remember(row)
        else:
            self._keys.move_to_end(number)
        owner, key = known
        if owner != account:
            raise Corrupt("a data key of another account")
        return key

    def _remember(self, row: WrappedKey) -> tuple[UUID, bytes]:
        known = self._keys[row.id] = (row.account, self._master.unwrap(row.wrapped))
        if len(self._keys) > MOST:
            self._keys.popitem(last=False)
        return known

    async def rewrap(self) -> int:
        """
        Encrypt all data keys with the current master key; afterwards the former ones are needed no more.

        :returns: how many were not.
        """
        count, after = 0, None
        while rows := await self._store.wrapped_keys(after, PAGE):
            for row in rows:
                if not self._master.is_current(row.wrapped):
                    fresh = self._master.wrap(self._master.unwrap(row.wrapped))
                    count += await self._store.replace_key(row.id, row.wrapped, fresh)
            after = rows[-1].id
        return count
