"""Rules of `swftp.logs`."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, PredicateResult
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp import logs
from swftp.paths import CONTAINER_LIMIT, OBJECT_LIMIT
from swftp.traces import Scrutiny, detail


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        """As of `io.StringIO`."""
        raise OSError(28, "No space left on device")


def written(form: str = "text", level: LogLevel = LogLevel.debug, namespace: str = "swftp.test"):
    """A logger, and what comes of it."""
    stream = io.StringIO()
    return Logger(namespace=namespace, observer=logs.observer(form, level, stream)), stream


class ScrutinyTests(SynchronousTestCase):
    """Of a login."""

    def test_level(self) -> None:
        """Its lines are written whatever the level of others is, and when it is over no more than theirs."""
        log, stream = written(level=LogLevel.warn)
        self.addCleanup(setattr, detail, "observer", detail.observer)
        detail.observer, scrutiny = log.observer, Scrutiny()
        for scrutiny.on in (False, True, False):
            scrutiny.logger(log).info("seen: {on}", on=scrutiny.on)
        self.assertIn("seen: True\n", stream.getvalue())
        self.assertEqual(stream.getvalue().count("\n"), 1)


class LineTests(SynchronousTestCase):
    """One event, one line."""

    @given(st.text())
    def test_whatever_a_client_sends(self, name: str) -> None:
        """No field ends the line, moves a cursor or turns text around, in either format."""
        for form in ("text", "json"):
            log, stream = written(form)
            log.info("put {path}", path=name)
            line = stream.getvalue()
            self.assertEqual(line.count("\n"), 1)
            self.assertTrue(line.endswith("\n"))
            self.assertIsNone(logs.UNSAFE.search(line[:-1]))

    def test_text(self) -> None:
        """Time, level, namespace, message."""
        log, stream = written()
        log.warn("{user} did {what!r}", user="me", what="a\nb")
        self.assertRegex(
            stream.getvalue(), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 warn     swftp\.test me did 'a\\nb'\n$"
        )

    def test_json(self) -> None:
        """The fields of the event under their own names, numbers as numbers."""
        log, stream = written("json")
        log.info("put {path}", event="upload", path="/a\tb", bytes=3, seconds=0.5, ok=True, peer=None)
        line = json.loads(stream.getvalue())
        self.assertEqual((line["message"], line["level"], line["namespace"]), ("put /a\\tb", "info", "swftp.test"))
        self.assertEqual((line["event"], line["path"], line["bytes"]), ("upload", "/a\\tb", 3))
        self.assertEqual((line["seconds"], line["ok"], line["peer"]), (0.5, True, None))
        self.assertFalse([name for name in line if name.startswith("log_")])

    def test_traceback_on_the_line(self) -> None:
        """A failure's traceback is part of its event's line."""
        for form in ("text", "json"):
            log, stream = written(form)
            try:
                raise ValueError("what\nnow")
            except ValueError:
                log.failure("broken", Failure())
            self.assertEqual(stream.getvalue().count("\n"), 1)
            self.assertIn("ValueError: what", stream.getvalue())

    def test_long_field(self) -> None:
        """What is too long is cut."""
        log, stream = written("json")
        log.info("x", path="p" * 100_000)
        self.assertLess(len(stream.getvalue()), 2000)

    def test_longest_path(self) -> None:
        """No path is too long: what an audit says was read or changed is not some other name."""
        path = "/" + "c" * CONTAINER_LIMIT + "/" + "o" * OBJECT_LIMIT
        log, stream = written("json")
        log.info("{path} to {target}", path=path, target=path)
        line = json.loads(stream.getvalue())
        self.assertEqual((line["path"], line["message"]), (path, f"{path} to {path}"))

    def test_malformed_event(self) -> None:
        """An event whose format does not fit its fields is written somehow."""
        log, stream = written()
        log.info("{missing.attribute}")
        self.assertEqual(stream.getvalue().count("\n"), 1)


class SecretTests(SynchronousTestCase):
    """No secret in a log, even if somebody forgets."""

    def test_headers(self) -> None:
        """Headers that hold secrets lose them, however they are written."""
        for text in (
            "X-Auth-Token: AUTH_tk0123",
            "{'x-auth-token': 'AUTH_tk0123'}",
            "(b'X-Storage-Token', [b'AUTH_tk0123'])",
            "Authorization=AUTH_tk0123",
            "Authorization: Bearer AUTH_tk0123",
            "x-auth-key: AUTH_tk0123, x",
            'X-Subject-Token":"AUTH_tk0123"',
        ):
            for form in ("text", "json"):
                log, stream = written(form)
                log.info("sent {headers}", headers=text)
                self.assertNotIn("AUTH_tk0123", stream.getvalue(), text)


class LevelTests(SynchronousTestCase):
    """What is worth a line."""

    def test_level(self) -> None:
        """Events below the level are left out."""
        log, stream = written(level=LogLevel.warn)
        log.info("no")
        log.warn("yes")
        self.assertEqual(stream.getvalue().count("\n"), 1)

    def test_others(self) -> None:
        """Other people's events are written from warnings on."""
        log, stream = written(level=LogLevel.debug, namespace="twisted.web")
        log.info("Starting factory")
        self.assertEqual(stream.getvalue(), "")
        log.error("broken")
        self.assertIn("broken", stream.getvalue())

    def test_full_disk(self) -> None:
        """A log that cannot be written stops nobody."""
        log = Logger(namespace="swftp.test", observer=logs.observer("text", LogLevel.info, Full()))
        log.info("lost")

    def test_every_level_has_a_name(self) -> None:
        """The levels of the configuration are Twisted's."""
        for level in ("debug", "info", "warn", "error", "critical"):
            self.assertEqual(LogLevel.lookupByName(level).name, level)


class ChangedLevelTests(SynchronousTestCase):
    """The level changes while we run."""

    def test_of_a_predicate(self) -> None:
        """Ours follows; what others say is shown from warnings on, whatever we show."""
        predicate = logs._predicate(LogLevel.warn)
        for level, ours, theirs in ((LogLevel.debug, True, False), (LogLevel.error, False, False)):
            logs._set_level(predicate, level)
            for namespace, shown in (("swftp.x", ours), ("twisted", theirs)):
                event = {"log_level": LogLevel.info, "log_namespace": namespace}
                self.assertEqual(predicate(event) is not PredicateResult.no, shown)
