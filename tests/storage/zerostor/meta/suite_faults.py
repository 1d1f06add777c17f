"""Every change takes effect once, whatever the database does to its transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from swftp import errors
from swftp.storage.zerostor.meta import Node
from swftp.storage.zerostor.meta.database import never
from swftp.storage.zerostor.values import New, Old
from tests.storage.zerostor.meta.case import MetaCase
from tests.storage.zerostor.meta.faults import CONFLICTS, Faults

MANY = 60
"""More statements than any transaction has."""
TURNS = 7
"""Of the journal: more than a row has batches, were it small."""
Seen = list[tuple[str, str, int, str | None]]


class LateSuite(MetaCase):
    """A COMMIT that takes effect when nobody expects it any more."""

    def test_in_its_own_way(self) -> None:
        """One that lands after it was looked for, and then is in the way of the second try, is success."""
        faults = Faults(self.metadata._database.engine)
        landed, tries = [False, True], []

        def work(connection: Any) -> str:
            connection.exec_driver_sql("SELECT 1")
            tries.append(1)
            if len(tries) > 1:
                raise errors.AlreadyExists
            return "stored"

        faults.at_commit("before")
        write = self.metadata._database.write(work, lambda connection: landed.pop(0))
        self.assertEqual((self.run_(write), len(tries), landed), ("stored", 2, []))

    def test_looked_for_in_vain(self) -> None:
        """Where a database refuses to say whether it landed, nobody knows: that is not called failed."""
        faults = Faults(self.metadata._database.engine)
        faults.at_commit("after")
        made = text("SELECT 1")
        wrong = text("SELECT x FROM nowhere")
        write = self.metadata._database.write(lambda c: c.scalar(made), lambda c: c.scalar(wrong) is not None)
        with capturedLogs():
            self.refused(errors.StateUnknown, write)

    def test_refused_for_good(self) -> None:
        """One that was looked for and is not there is no matter of doubt: the second try says what is in the way."""
        faults = Faults(self.metadata._database.engine)
        tries = []

        def work(connection: Any) -> None:
            connection.exec_driver_sql("SELECT 1")
            tries.append(1)
            if len(tries) > 1:
                raise errors.AlreadyExists

        faults.at_commit("before")
        self.refused(errors.AlreadyExists, self.metadata._database.write(work, lambda connection: False))


class ToldSuite(MetaCase):
    """What is logged of a database's errors."""

    def test_no_values(self) -> None:
        """A statement that is refused is logged without what it was about: hashes of passwords may be."""
        wrong = text("INSERT INTO nowhere VALUES (:x)")
        with capturedLogs() as logs:
            self.refused(
                errors.StorageError,
                self.metadata._database.write(lambda c: c.execute(wrong, {"x": "s3cret"}).rowcount),
            )
        [line] = [formatEvent(event) for event in logs]
        self.assertIn("nowhere", line)
        self.assertNotIn("s3cret", line)

    def test_why_given_up(self) -> None:
        """When it is given up for the database, the log says what that has said."""
        gone = text("SELECT 1")

        def work(connection: Any) -> None:
            connection.execute(gone)
            raise OperationalError("COMMIT", {}, OSError("no route to\nhost"))

        with capturedLogs() as logs:
            self.refused(errors.Unavailable, self.metadata._database.write(work, never))
        self.assertIn("given up for the database: no route to host", [formatEvent(event) for event in logs])


class Hung:
    """Workers whose database does not answer before it is told to."""

    def __init__(self) -> None:
        self.begun: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def write(self, work: Callable[[], Any]) -> Deferred[Any]:
        """See `Workers`."""
        self.begun.append((Deferred(), work))
        return self.begun[-1][0]

    def answer(self) -> None:
        """Carry out what was begun."""
        begun, self.begun = self.begun, []
        for answer, work in begun:
            answer.callback(work())


class HungSuite(MetaCase):
    """A database that takes connections, and does not answer."""

    def test_waiters(self) -> None:
        """Who waits behind a change that hangs is told so in time; nothing of it happens later, others go on."""
        database = self.metadata._database
        really = database.workers
        hung: Any = Hung()
        database.workers = hung
        results: list[Any] = []
        for name in ("first", "second", "third"):
            Deferred.fromCoroutine(self.names.make_directory([name])).addBoth(results.append)
        self.clock.advance(29)
        self.assertEqual(results, [])
        self.clock.advance(2)
        self.assertEqual([type(result.value) for result in results], [errors.Unavailable] * 2)
        self.assertEqual(len(hung.begun), 1)
        hung.answer()
        self.assertEqual((len(results), results[2].name), (3, "first"))
        database.workers = really
        self.mkdir("fourth")
        self.assertEqual(self.listed(), ["first", "fourth"])


class FaultsSuite(MetaCase):
    """Each change, with a fault at each of its statements and on either side of COMMIT."""

    chosen: frozenset[str] | None = None
    """Changes that are tried; None: all."""

    def setUp(self) -> None:
        """Everything passes by `Faults`."""
        super().setUp()
        database = self.metadata._database
        self.engine = database.engine
        self.faults = Faults(self.engine)
        self.conflicts = CONFLICTS[self.engine.dialect.name]

    # -- the changes: each begins in a directory of its own that `prepare` filled ------------------------------------

    def prepare(self, box: str) -> None:
        """What a change can be made to."""
        for name in ("", "/empty", "/full"):
            self.mkdir(box + name)
        for name in ("a", "b", "full/f"):
            self.put(f"{box}/{name}", 100)

    def changes(self) -> Iterator[tuple[str, Callable[[str], Callable[[], Any]]]]:
        """A name, and what makes (unharmed) whatever is needed for the change in a box and gives the change."""
        names = self.names

        def committed(path: str, *older: str) -> Callable[[str], Callable[[], Any]]:
            def make(box: str) -> Callable[[], Any]:
                pieces = [Old(self.content(f"{box}/{name}"), 0, 100) for name in older]
                chunk = self.chunk(70)
                target = f"{box}/{path}".split("/")
                return lambda: names.commit(
                    target, [*pieces, New(chunk, 0, 70)], md5=None, mtime_ns=1, parents=True, replaces=self.at(target)
                )

            return make

        yield "new file", committed("new")
        yield "new file in a new directory", committed("x/y/new")
        yield "overwrite", committed("a")
        yield "append", committed("a", "a", "b")
        yield "copy", lambda box: lambda: names.copy([box, "a"], [box, "c"], exclusive=True)
        yield "make_directory", lambda box: lambda: names.make_directory([box, "new"])
        yield "make_link", lambda box: lambda: names.make_link([box, "new"], "target")
        yield "remove", lambda box: lambda: names.remove([box, "a"])
        yield "remove_directory", lambda box: lambda: names.remove_directory([box, "empty"])
        yield "rename", lambda box: lambda: names.rename([box, "a"], [box, "c"], exclusive=True)
        yield "replace", lambda box: lambda: names.rename([box, "a"], [box, "b"])
        yield "rename a tree", lambda box: lambda: names.rename([box, "full"], [box, "empty"])
        yield "update", lambda box: lambda: names.update([box, "a"], mtime_ns=77, mode=0o600)

    def at(self, names: list[str]) -> Any:
        """The content at *names* now, None if there is nothing."""
        try:
            return self.run_(self.names.lookup(names)).content
        except errors.NotFound:
            return None

    def content(self, path: str) -> Any:
        """The content of a file."""
        return self.look(path).content

    def seen(self, box: str) -> Seen:
        """All that is in *box*, as far as it is the same in every box."""
        found: Seen = []
        todo = [box]
        while todo:
            path = todo.pop()
            for node in self.run_(self.names.children(path.split("/"))).nodes:
                found.append(self.shown(f"{path}/{node.name}"[len(box) :], node))
                todo += [f"{path}/{node.name}"] if node.is_directory else []
        return sorted(found)

    def shown(self, path: str, node: Node) -> tuple[str, str, int, str | None]:
        """One of those."""
        mode = "" if node.mode is None else oct(node.mode)
        return path, node.kind.value + mode, node.size, node.target

    def compare(self, arm: Callable[[int], bool]) -> None:
        """Each change, with whatever *arm* does at step n, leaves what it leaves without."""
        for label, make in self.changes():
            if self.chosen is not None and label not in self.chosen:
                continue
            box = label.replace(" ", "-")
            expected = None
            for step in range(MANY):
                self.prepare(f"{box}-{step}")
                change = make(f"{box}-{step}")
                before = self.used()
                armed = step > 0 and arm(step - 1)
                self.run_(change())
                self.faults.disarm()
                after = self.used()
                left = self.seen(f"{box}-{step}"), after[0] - before[0], after[1] - before[1]
                expected = expected or left
                self.assertEqual(left, expected, f"{label}, step {step}")
                if step and not (armed and self.faults.fired):
                    break
            self.assertGreater(step, 1, label)

    def test_conflict_at_each_statement(self) -> None:
        """A transaction that the database breaks off at any statement is carried out again as a whole."""

        def arm(step: int) -> bool:
            self.faults.at_statement(step, self.conflicts[step % len(self.conflicts)])
            return True

        self.compare(arm)

    def test_lost_commit(self) -> None:
        """A lost reply to COMMIT is looked up: what happened is not done again, what did not happen is."""

        def arm(step: int) -> bool:
            if step < 2:
                self.faults.at_commit(("before", "after")[step])
            return step < 2

        self.compare(arm)

    def test_lost_connection(self) -> None:
        """A connection that is lost in the middle costs a new one."""

        def arm(step: int) -> bool:
            self.faults.at_statement(step, self.faults.outage)
            return True

        for label, make in list(self.changes())[2:3]:
            self.prepare(label)
            for step in range(MANY):
                change = make(label)
                arm(step)
                self.run_(change())
                if not self.faults.fired:
                    break
            self.faults.disarm()
            self.assertEqual(self.look(f"{label}/a").size, 70)

    def test_journal(self) -> None:
        """Numbers are reserved once, and what is abandoned is garbage once, whatever happens to the transactions."""
        found = []
        for step in range(TURNS):
            self.faults.at_commit(("before", "after")[step % 2])
            found += self.run_(self.metadata.journal.allocate(100))
            self.faults.at_commit(("before", "after")[step % 2])
            self.run_(self.metadata.journal.abandon(found[-100:]))
            self.run_(self.metadata.journal.renew())
        self.assertEqual(len(set(found)), len(found))
        self.clock.advance(61)
        garbage = self.run_(self.metadata.sweep.garbage(len(found) + 1))
        self.assertEqual({(g.upload, g.first) for g in garbage}, {(obj.upload, obj.seq) for obj in found})

    def test_gone_for_good(self) -> None:
        """When the database does not come back, nothing happened, or nobody knows; and each is said."""
        chunk = self.chunk()
        for when, error in (("statement", errors.Unavailable), ("commit", errors.StateUnknown)):
            d: list[Any] = []
            if when == "commit":
                self.faults.at_commit("before")
            self.faults.gone = when
            wanted = self.names.commit(["f"], [New(chunk, 0, 100)], md5=None, mtime_ns=1)
            try:
                self.run_(wanted)
            except errors.StorageError as raised:
                d.append(type(raised))
            self.faults.gone = None
            self.assertEqual(d, [error])
        self.assertEqual(self.listed(), [])
