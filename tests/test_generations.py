"""Rules of `swftp.generations`: what a running gateway takes of another configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp import service
from swftp.auth.limits import AdmissionLimits
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.config import Config, ConfigError, LimitsConfig, SftpConfig, StorageConfig
from swftp.gateway import hostkeys
from swftp.gateway.doors import Entrance, Guard
from swftp.gateway.proxied import Proxies
from swftp.generations import FIXED, Source, merged
from tests.gatewaycase import Reactor


class Door:
    """One of `swftp.gateway.doors.Door`."""

    protocol_name = "X"
    proxies = Proxies((), Clock())
    admission = Guard(AdmissionLimits(), Throttle(ThrottleSettings(), Clock()))

    def __init__(self, *connections: Any) -> None:
        self.connections = list(connections)
        self.dismissed = 0

    def dismiss(self) -> None:
        """See `swftp.gateway.doors.Door`."""
        self.dismissed += 1

    def buildProtocol(self, addr: Any) -> Any:
        """See `swftp.gateway.doors.Door`."""
        return self


class EntranceTests(SynchronousTestCase):
    """One way in, whatever door it leads to."""

    def test_leads_on(self) -> None:
        """New clients come to the new door; those behind old ones are seen, and told to go, until they have gone."""
        first, second, third = Door(1), Door(2), Door(3)
        entrance = Entrance(first)
        entrance.lead_to(second)
        self.assertIs(entrance.buildProtocol(None), second)
        self.assertEqual(entrance.connections, [1, 2])
        first.connections.clear()
        entrance.lead_to(third)
        self.assertEqual(entrance.connections, [2, 3])
        entrance.dismiss()
        self.assertEqual([door.dismissed for door in (first, second, third)], [0, 1, 1])


class MergeTests(SynchronousTestCase):
    """What can change while we run."""

    def test_taken(self) -> None:
        """Limits are."""
        now = Config(limits=LimitsConfig(total=7), logins=(("*", {"read_only": True}),))
        self.assertEqual(merged(Config(), now), (now, []))

    def test_left(self) -> None:
        """Where we listen, and how the store is talked to, are not; they are named."""
        now = Config(sftp=SftpConfig(port=1, root="/x"), storage=StorageConfig(attempts=9), protocols=("sftp",))
        config, waiting = merged(Config(), now)
        self.assertEqual(config, Config(sftp=SftpConfig(root="/x")))
        self.assertEqual(waiting, ["[sftp] port", "[storage] attempts", "which protocols are served"])

    def test_only_what_there_is(self) -> None:
        """Every section and option that is left out exists."""
        for name, options in FIXED.items():
            section = getattr(Config(), name)
            for option in options - ({"implicit_listen"} if name == "sftp" else set()):
                self.assertTrue(hasattr(section, option), f"[{name}] {option}")


class RenewTests(SynchronousTestCase):
    """A gateway that has its own host keys."""

    def setUp(self) -> None:
        """Made, but not started."""
        self.folder = Path(self.mktemp()).absolute()
        self.config = Config(sftp=SftpConfig(state_dir=str(self.folder), drain_timeout=1.0), protocols=("sftp",))
        self.now = self.config
        self.applied: list[Config] = []
        source = Source(read=lambda: (self.now, []), applied=self.applied.append)
        self.reactor = Reactor()
        self.gateway = service.make_service(self.config, (), self.reactor, {}, source)

    def test_keys_that_are_gone(self) -> None:
        """A host key that vanished is not made again: clients would take the new one for an attack."""
        gone = self.folder / "ssh_host_rsa_key"
        gone.unlink()
        assert self.gateway._renew
        error = self.assertRaises(ConfigError, self.gateway._renew)
        self.assertIn("host keys are gone from there: RSA", str(error))
        self.assertFalse(gone.exists())
        self.assertEqual(self.applied, [])

    def test_applied(self) -> None:
        """What is in force is told, and how long transfers may take now counts."""
        hostkeys.kept(self.folder)
        self.now = replace(self.config, sftp=replace(self.config.sftp, drain_timeout=9.0))
        assert self.gateway._renew
        self.assertEqual(self.gateway._renew(), 9.0)
        self.assertEqual(self.applied, [self.now])
