"""What a login may do where not everything: one place for all protocols."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from swftp import errors
from swftp.entries import Attributes
from swftp.outcomes import outcome
from swftp.paths import resolve
from swftp.session import EVERYTHING, READ_ONLY, OpenMode, Permission, RestrictedSession, Session
from tests.session.case import FILE, NEW, OTHER, SessionCase, nothing

LIST, READ, WRITE, OVERWRITE, DELETE, RENAME, MKDIR = Permission
BOX, LINK, NOWHERE = resolve("/box"), resolve("/box/link"), resolve("/box/nowhere")
APPEND = OpenMode(append=True)


def verbs(kind: type) -> dict[str, Callable[..., Any]]:
    """What clients may ask of a session of *kind* that concerns files."""
    found = vars(kind).items()
    return {name: verb for name, verb in found if inspect.iscoroutinefunction(verb) and not name.startswith("_")}


INTERNAL = {"settle"}
"""Coroutines of a session that no client asks for."""


async def as_copy(session: Any) -> None:
    """What a client does that has the store copy a file."""
    seen = await Session.stat(session, OTHER)
    writer = await session.open_writer(FILE, NEW, Attributes(), nothing)
    await session.close_as_copy(writer, OTHER, seen)


async def set_open(session: Any) -> None:
    """What a client does that sets the time of a file by the handle it reads it by."""
    reader = await Session.open_reader(session, OTHER, nothing)
    await session.update_open(reader, Attributes(mtime=1.0))


TABLE: list[tuple[str, Callable[[Any], Any], list[set[Permission]]]] = [
    ("stat", lambda s: s.stat(OTHER), [{LIST}, {READ}]),
    ("stat", lambda s: s.stat(BOX), [set()]),
    ("listing", lambda s: s.listing(BOX), [{LIST}]),
    ("open_reader", lambda s: s.open_reader(OTHER, nothing), [{READ}]),
    ("open_writer", lambda s: s.open_writer(FILE, NEW, Attributes(), nothing), [{WRITE}]),
    ("open_writer", lambda s: s.open_writer(OTHER, NEW, Attributes(), nothing), [{OVERWRITE}]),
    ("open_writer", lambda s: s.open_writer(OTHER, APPEND, Attributes(), nothing), [{OVERWRITE}]),
    ("remove", lambda s: s.remove(OTHER), [{DELETE}]),
    ("make_directory", lambda s: s.make_directory(resolve("/box/new")), [{MKDIR}]),
    ("remove_directory", lambda s: s.remove_directory(resolve("/empty")), [{DELETE}]),
    ("rename", lambda s: s.rename(OTHER, FILE), [{RENAME}]),
    ("rename", lambda s: s.rename(OTHER, resolve("/box/second")), [{RENAME, OVERWRITE}]),
    ("copy", lambda s: s.copy(OTHER, FILE), [{READ, WRITE}]),
    ("copy", lambda s: s.copy(OTHER, resolve("/box/second")), [{READ, WRITE, OVERWRITE}]),
    ("combine", lambda s: s.combine(FILE, [OTHER, resolve("/box/second")]), [{READ, WRITE, OVERWRITE}]),
    ("close_as_copy", as_copy, [{READ, WRITE}]),
    ("truncate", lambda s: s.truncate(OTHER, 0, Attributes()), [{OVERWRITE}]),
    ("make_link", lambda s: s.make_link(LINK, OTHER), [{WRITE}]),
    ("update", lambda s: s.update(OTHER, Attributes(mtime=1.0)), [{WRITE}, {OVERWRITE}]),
    ("update_open", set_open, [{WRITE}, {OVERWRITE}]),
    ("usage", lambda s: s.usage(BOX), [set()]),
]
"""A verb, a call of it, and the smallest sets of permissions with which it may be made."""


class RightsCase(SessionCase):
    """Sessions that may do some of it, over a store with two files and an empty directory."""

    def setUp(self) -> None:
        super().setUp()
        self.storage["/box/second"] = b"second"
        self.do(self.session.make_directory(resolve("/empty")))

    def restricted(self, permissions: Iterable[Permission]) -> RestrictedSession:
        """A session with these."""
        return RestrictedSession(
            self.storage,
            budget=self.budget,
            clock=self.clock,
            wall=self.clock.seconds,
            offload=self.session.offload,
            limits=self.limits,
            permissions=frozenset(permissions),
        )

    def ask(self, call: Callable[[Any], Any], permissions: Iterable[Permission]) -> Exception | None:
        """How *call* fails with *permissions* over a fresh store."""
        self.setUp()
        found: list[Any] = []
        self.start(call(self.restricted(permissions))).addBoth(found.append)
        return getattr(found[0], "value", None)


class TableTests(RightsCase):
    """Every verb of a session has its right."""

    def test_every_verb(self) -> None:
        """A verb that is added to `Session` needs a right, and a row here."""
        known = set(verbs(Session)) - INTERNAL
        self.assertEqual(known - set(verbs(RestrictedSession)), set(), "RestrictedSession forgets")
        self.assertEqual({verb for verb, _, _ in TABLE}, known)

    def test_enough(self) -> None:
        """With the permissions it needs, every call is made."""
        for verb, call, least in TABLE:
            for permissions in least:
                error = self.ask(call, permissions)
                self.assertIn(type(error), (type(None), errors.Unsupported), f"{verb} with {permissions}")

    def test_not_enough(self) -> None:
        """Without one of them it is refused, and nothing has changed."""
        for verb, call, least in TABLE:
            for missing in set().union(*least):
                allowed = {one for one in EVERYTHING if one is not missing}
                if any(permissions <= allowed for permissions in least):
                    allowed -= set().union(*least)
                error = self.ask(call, allowed)
                refusal = errors.NotFound if verb == "stat" else errors.PermissionDenied
                self.assertIsInstance(error, refusal, f"{verb} without {missing}")
                self.assertEqual(self.storage["/box/other"], b"other", verb)
                self.assertEqual(self.storage["/box/second"], b"second", verb)
                self.assertNotIn("/box/file", self.storage)

    def test_codes(self) -> None:
        """Clients are told that it is not allowed: SFTP 3, FTP 550."""
        told = outcome(errors.PermissionDenied())
        self.assertEqual((told.sftp, told.ftp), (3, 550))

    def test_read_only(self) -> None:
        """Who may only read can do nothing else."""
        for verb, call, least in TABLE:
            error = self.ask(call, READ_ONLY)
            allowed = any(permissions <= READ_ONLY for permissions in least)
            self.assertEqual(not isinstance(error, errors.PermissionDenied), allowed, verb)


class NewFilesOnlyTests(RightsCase):
    """Who may write but not overwrite."""

    def setUp(self) -> None:
        super().setUp()
        self.box = self.restricted({WRITE})

    def test_somebody_was_faster(self) -> None:
        """A file that has come meanwhile is not replaced at CLOSE."""
        writer = self.do(self.box.open_writer(FILE, NEW, Attributes(), nothing))
        self.storage["/box/file"] = b"theirs"
        writer.write(0, [b"mine"], 4)
        self.refused(errors.StorageError, writer.close())
        self.assertEqual(self.storage["/box/file"], b"theirs")

    def test_copied_meanwhile(self) -> None:
        """Nor is it by a copy within the store."""
        box = self.restricted({READ, WRITE})
        seen = self.do(box.stat(OTHER))
        writer = self.do(box.open_writer(FILE, NEW, Attributes(), nothing))
        self.storage["/box/file"] = b"theirs"
        self.refused(errors.AlreadyExists, box.close_as_copy(writer, OTHER, seen))
        self.assertEqual(self.storage["/box/file"], b"theirs")

    def test_own_file(self) -> None:
        """The file that is being written is one's own: its size is told, it may be cut and dated."""
        writer = self.do(self.box.open_writer(FILE, NEW, Attributes(), nothing))
        writer.write(0, [b"12345"], 5)
        self.assertEqual(self.do(self.box.stat(FILE)).size, 5)
        self.do(self.box.truncate(FILE, 3, Attributes(mtime=7.0)))
        self.do(writer.close())
        self.assertEqual(self.storage["/box/file"], b"123")

    def test_not_read_back(self) -> None:
        """A handle for writing is no way to read."""
        self.restricted({WRITE, OVERWRITE})
        box = self.restricted({WRITE, OVERWRITE})
        writer = self.do(box.open_writer(OTHER, OpenMode(), Attributes(), nothing))
        self.assertRaises(errors.PermissionDenied, writer.read, 0, 5)

    def test_names_not_told(self) -> None:
        """Whether a file is there cannot be found out by STAT, which answers for both alike."""
        self.refused(errors.NotFound, self.box.stat(OTHER))
        self.refused(errors.NotFound, self.box.stat(NOWHERE))

    def test_overwrite_alone(self) -> None:
        """Who may only overwrite makes nothing new, whatever the client asks for."""
        box = self.restricted({OVERWRITE})
        open_new = partial(box.open_writer, FILE, attributes=Attributes(), ready=nothing)
        self.refused(errors.PermissionDenied, open_new(mode=NEW))
        self.refused(errors.PermissionDenied, open_new(mode=OpenMode(create=True, exclusive=True)))
        self.refused(errors.NotFound, open_new(mode=OpenMode()))
