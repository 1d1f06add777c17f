"""
One account's tree of names, for whoever may await.

Everything that changes is one transaction, of which a reader sees all or nothing.  What is read may come from
`cache`; every change looks at the database for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import bindparam, select
from twisted.internet.defer import DeferredLock

from swftp.entries import Usage
from swftp.errors import IsDirectory, NotFound, StateUnknown, StorageError, Unsupported
from swftp.storage.zerostor.meta import changing, collecting, committing, rows, schema, tree
from swftp.storage.zerostor.meta.cache import Cache, Page
from swftp.storage.zerostor.meta.collecting import START, Cursor, checked
from swftp.storage.zerostor.meta.committing import Proposal, Published
from swftp.storage.zerostor.meta.database import Database, Work, never
from swftp.storage.zerostor.meta.journal import Journal
from swftp.storage.zerostor.meta.statements import bury
from swftp.storage.zerostor.meta.values import UNSEEN, Node, Replaces
from swftp.storage.zerostor.values import Extent, New, ObjectId, Old, Piece

Names = Sequence[str]
"""A path from the account's root down."""
PAGE = 1000
"""Names in a page, if not said otherwise."""


class Namespace:
    """
    The tree of *account*.  Any method raises `Unavailable` when the database is not there for long, and a changing
    one `StateUnknown` when nobody can say whether it took effect.
    """

    def __init__(self, account: UUID, database: Database, journal: Journal, cache: Cache) -> None:
        self.account = account
        self._database = database
        self._journal = journal
        self._cache = cache
        self._turns = DeferredLock()  # who changes what the account holds would only be in each other's way

    # -- looking ---------------------------------------------------------------------------------------------------

    async def trail(self, names: Names) -> list[Node]:
        """What stands along *names*, as far as there is something; links are not followed."""
        found, start = self._recalled(names)
        rest = names[len(found) :]
        if start is None or not rest:
            return found
        with self._cache.reading() as reading:
            more = await self._database.read(lambda c: tree.follow(c, start, rest))
            self._cache.learn(reading, start, rest, more)
        return found + more

    def _recalled(self, names: Names) -> tuple[list[Node], UUID | None]:
        """What is known along *names*, and the directory to ask for more of; None: there is no more."""
        found: list[Node] = []
        directory = self.account
        for name in names:
            try:
                node = self._cache.get((directory, name))
            except KeyError:
                return found, directory
            if node is None:
                return found, None
            found.append(node)
            directory = node.id
            if not node.is_directory:
                return found, None
        return found, directory

    async def lookup(self, names: Names) -> Node:
        """
        What stands at *names*; links are not followed.

        :raises NotFound: nothing does.
        :raises NotDirectory: a file or link is in the way.
        """
        if not names:
            return await self._database.read(lambda c: tree.by_id(c, self.account))
        return tree.arrived(await self.trail(names), names)

    async def children(self, names: Names, after: str | None = None, limit: int = PAGE) -> Page:
        """
        The first *limit* nodes of a directory after the name *after*, in the order of their UTF-8; are there more?

        :raises NotFound: there is no such directory.
        :raises NotDirectory: it is something else.
        """
        directory = tree.as_directory(await self.trail(names), names, self.account)
        page = self._cache.page(directory, (after, limit))
        if page is None:
            with self._cache.reading() as reading:
                page = Page(*await self._database.read(lambda c: tree.children(c, directory, after, limit)))
                self._cache.learn_page(reading, directory, (after, limit), page)
        return page

    async def extents(self, content: UUID, offset: int = 0, limit: int = PAGE) -> list[Extent]:
        """
        At most *limit* extents of *content* from the one that holds the byte *offset*; none at its end.

        The bytes of a content that was replaced stay for the grace period, so whoever looked a file up can read it.

        :raises NotFound: there is no such content any more.
        """
        return await self._database.read(lambda c: collecting.extents(c, self.account, content, offset, limit))

    async def usage(self) -> Usage:
        """What the account holds and may hold."""
        row = await self._database.read(lambda c: c.execute(_USAGE, {"account": self.account}).first())
        if row is None:
            raise NotFound()
        return Usage(row.used_bytes, row.quota_bytes, row.used_files, None)

    # -- changing --------------------------------------------------------------------------------------------------

    async def make_directory(self, names: Names) -> Node:
        """
        :raises AlreadyExists: something stands there.
        :raises NotFound: its parent does not.
        :raises NotDirectory: its parent is none.
        :raises InvalidName: no file can have that name.
        """
        _check(names)
        now = self._now_ns()
        return await self._change(lambda c: changing.make_directory(c, self.account, names, now))

    async def make_link(self, names: Names, target: str) -> Node:
        """
        Make a symbolic link to *target*, which nobody looks at.  Raises what `make_directory` does.
        """
        _check(names)
        number, now = uuid4(), self._now_ns()
        return await self._change(lambda c: changing.make_link(c, self.account, number, names, target, now))

    async def remove(self, names: Names) -> Node:
        """
        Remove a file or link; returns what it was.

        :raises NotFound: there is none.
        :raises IsDirectory: it is a directory.
        """
        now = self._database.now()
        return await self._change(lambda c: changing.remove(c, self.account, names, now))

    async def remove_directory(self, names: Names) -> Node:
        """
        :raises NotEmpty: it has entries.
        :raises NotDirectory: it is something else.
        :raises InvalidRequest: it is the root.
        """
        now = self._database.now()
        return await self._change(lambda c: changing.remove_directory(c, self.account, names, now))

    async def rename(self, source: Names, target: Names, exclusive: bool = False) -> Node:
        """
        Give a file, link or directory with all that is in it another name.

        :param exclusive: refuse where something else stands at *target*; otherwise a file or link replaces one, and a
            directory an empty directory.
        :raises InvalidRequest: *target* is within *source*, or *source* is the root.
        """
        _check(target)
        now = self._database.now()
        return await self._change(lambda c: changing.rename(c, self.account, source, target, exclusive, now))

    async def update(self, names: Names, mtime_ns: int | None = None, mode: int | None = None) -> Node:
        """Set what is not None; the version of a file stays what it is."""
        return await self._change(lambda c: changing.change_attributes(c, self.account, names, mtime_ns, mode))

    async def commit(
        self,
        names: Names,
        pieces: Sequence[Piece],
        *,
        md5: str | None,
        mtime_ns: int,
        mode: int | None = None,
        exclusive: bool = False,
        replaces: Replaces = UNSEEN,
        parents: bool = False,
    ) -> Node:
        """
        Make the concatenation of *pieces* the content of *names*: all or nothing.  A link is replaced, not followed.

        :param mode: None: that of the file which is replaced.
        :param parents: make directories that are missing.
        :raises AlreadyExists: *exclusive*, and something stands there.
        :raises Changed: not *replaces* stands there, or a content that a piece is of is gone.
        :raises IsDirectory: a directory stands there.
        :raises NotFound: its directory does not.
        :raises QuotaExceeded: the account's.
        :raises Unavailable: this gateway was taken for dead: the chunks are lost.
        """
        _check(names, every=parents)
        settings = {"md5": md5, "mtime_ns": mtime_ns, "mode": mode, "exclusive": exclusive, "parents": parents}
        objs = {piece.chunk.obj for piece in pieces if isinstance(piece, New)}
        proposal = self._proposal(names, pieces, objs, replaces=replaces, **settings)
        with self._journal.publishing(objs):
            node = await self._commit(proposal)
            self._journal.published(objs)
        return node

    def _proposal(self, names: Names, pieces: Sequence[Piece], objs: set[ObjectId], **settings: Any) -> Proposal:
        return Proposal(
            account=self.account,
            gateway=self._journal.gateway,
            content=uuid4(),
            file=uuid4(),
            names=names,
            pieces=pieces,
            fresh=frozenset(obj.packed() for obj in objs if self._journal.is_open(obj)),
            size=checked(pieces),
            now=self._database.now(),
            **settings,
        )

    async def _commit(self, proposal: Proposal) -> Node:
        cursor: Cursor = START
        try:
            while True:
                reached = await self._step(proposal, cursor)
                if isinstance(reached, Published):
                    self._cache.forget(reached.touched)
                    return reached.node
                cursor = reached
        except StateUnknown:
            self._cache.distrust()
            raise
        except StorageError:
            if cursor != START:
                await self._give_up(proposal)
            raise

    async def _step(self, proposal: Proposal, cursor: Cursor) -> Cursor | Published:
        return await self._database.write(
            lambda c: committing.step(c, proposal, cursor),
            lambda c: committing.settled(c, proposal, cursor),
            self._turns,
        )

    async def _give_up(self, proposal: Proposal) -> None:
        """A content that was being put together is not wanted."""
        await self._database.write(lambda c: bury(c, [proposal.content], proposal.now), never)

    async def copy(self, source: Names, target: Names, exclusive: bool = False, parents: bool = False) -> Node:
        """
        Make *target* a file with the bytes, time and mode of the file *source*; no byte moves.

        :raises IsDirectory: one of the two is a directory.
        :raises NotFound: *source* is not there.
        """
        trail = await self._database.read(lambda c: tree.follow(c, self.account, source))
        node = tree.arrived(trail, source) if source else None
        if node is None or node.is_directory:
            raise IsDirectory()
        if node.content is None:
            raise Unsupported("a link cannot be copied")
        return await self.commit(
            target,
            [Old(node.content, 0, node.size)],
            md5=node.md5,
            mtime_ns=node.mtime_ns,
            mode=node.mode,
            exclusive=exclusive,
            parents=parents,
        )

    async def _change(self, work: Work[Published]) -> Node:
        """Carry out one transaction; the cache learns of it."""
        try:
            node, touched = await self._database.write(work, turns=self._turns)
        except StateUnknown:
            self._cache.distrust()
            raise
        self._cache.forget(touched)
        return node

    def _now_ns(self) -> int:
        return int(self._database.wall() * 1e9)


def _check(names: Names, every: bool = False) -> None:
    """Refuse names that cannot be made: the last one, or all."""
    for name in names if every else names[-1:]:
        rows.check_name(name)


_account = schema.account
_USAGE = select(_account.c.used_bytes, _account.c.quota_bytes, _account.c.used_files).where(
    _account.c.id == bindparam("account")
)
