"""Rules of `swftp.wiring` and `swftp.gateway.places`: what is made of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from swftp import backends, service, wiring
from swftp.config import (
    AuthConfig,
    Config,
    ConfigError,
    FtpConfig,
    LimitsConfig,
    SftpConfig,
    StorageConfig,
    ThrottleConfig,
    load,
)
from swftp.gateway import hostkeys, places
from swftp.stores.swift import SwiftStores
from tests.gatewaycase import Reactor
from tests.sftp.case import at_once


class AssemblyTests(SynchronousTestCase):
    """What of a configuration can be used."""

    def setUp(self) -> None:
        """A place for keys."""
        self.reactor = Reactor()
        self.folder = Path(self.mktemp()).absolute()

    def config(self, **sections: Any) -> Config:
        """A configuration that keeps its keys here."""
        sections.setdefault("sftp", SftpConfig(state_dir=str(self.folder)))
        return Config(**sections)

    def refused(self, config: Config, environ: dict[str, str] | None = None) -> str:
        """Why it cannot be used."""
        error = self.assertRaises(ConfigError, service.check, config, self.reactor, environ or {})
        return str(error)

    def test_keys_are_made_once(self) -> None:
        """The first start makes host keys, the second one finds them."""
        first = wiring.host_keys(self.config(), {})
        again = wiring.host_keys(self.config(), {})
        self.assertEqual([hostkeys.fingerprint(key) for key in first], [hostkeys.fingerprint(key) for key in again])

    def test_check_makes_nothing(self) -> None:
        """Looking whether a configuration can be used leaves nothing behind."""
        service.check(self.config(), self.reactor, {})
        self.assertFalse(self.folder.exists())

    def test_make_service(self) -> None:
        """The defaults can be used."""
        made = service.make_service(self.config(), (), self.reactor, {})
        self.assertEqual(made.addresses, [])

    def test_ipv6(self) -> None:
        """An address with colons is one of IPv6."""
        (endpoint,) = places.endpoints(Config(sftp=SftpConfig(host="::1")), "sftp", "listen", self.reactor)
        self.assertEqual(type(endpoint).__name__, "TCP6ServerEndpoint")

    def test_listen(self) -> None:
        """``listen`` takes endpoints instead of host and port."""
        config = Config(sftp=SftpConfig(listen=("tcp:1", "tcp:2:interface=127.0.0.1")))
        self.assertEqual(len(places.endpoints(config, "sftp", "listen", self.reactor)), 2)

    def test_bad_endpoint(self) -> None:
        """What is no endpoint is said to be none."""
        self.assertIn(
            "[sftp] listen: no endpoint",
            self.refused(self.config(sftp=SftpConfig(state_dir=str(self.folder), listen=("nowhere:1",)))),
        )

    def test_one_port_for_two(self) -> None:
        """Two servers cannot have one port of the same address; which is any free one they can."""
        ftp = FtpConfig(port=5022)
        self.assertIn("[ftp] port: port 5022 is that of [sftp] port already", self.refused(self.config(ftp=ftp)))
        ftp = FtpConfig(listen=("tcp:5022",))
        self.assertIn("[ftp] listen: port 5022 is that of [sftp] port already", self.refused(self.config(ftp=ftp)))
        for good in (FtpConfig(port=5022, host="::1"), FtpConfig(listen=("tcp:0", "tcp:0"))):
            service.check(self.config(ftp=good), self.reactor, {})

    def test_bad_auth_url(self) -> None:
        """So is what is no URL, with the place where it was set."""
        config = Config(
            sftp=SftpConfig(state_dir=str(self.folder)),
            auth=AuthConfig(auth_url="swift.example.org"),
            places={("auth", "auth_url"): "swftp.conf:7: [auth] auth_url"},
        )
        self.assertIn("swftp.conf:7: [auth] auth_url: ", self.refused(config))

    def test_bad_root(self) -> None:
        """A root that no object can have is refused."""
        self.assertIn("[sftp] root: ", self.refused(Config(sftp=SftpConfig(root="/a\nb"))))

    def test_bad_network(self) -> None:
        """So is a network that is none."""
        self.assertIn("[throttle] exempt: ", self.refused(self.config(throttle=ThrottleConfig(exempt=("here",)))))

    def test_bad_authorities(self) -> None:
        """So are certificate authorities that are not there."""
        self.assertIn("[auth] cacert: ", self.refused(self.config(auth=AuthConfig(cacert="/nonexistent"))))

    def test_two_keys_of_a_kind(self) -> None:
        """A client asks for one key of a kind; which of two it got would be chance."""
        for name in ("a", "b"):
            hostkeys.kept(self.folder / name)
        names = tuple(str(self.folder / name / "ssh_host_rsa_key") for name in ("a", "b"))
        self.assertIn("more than one key", self.refused(Config(sftp=SftpConfig(host_keys=names))))

    def test_environment(self) -> None:
        """What the configuration leaves open, OpenStack's variables say."""
        environ = {"OS_AUTH_URL": "https://keystone.test/v3", "OS_PROJECT_NAME": "p"}
        settings = wiring.auth_settings(self.config(), environ)
        self.assertEqual((settings.auth_url, settings.project_name), ("https://keystone.test/v3", "p"))

    def test_required_certificate(self) -> None:
        """Where a certificate has to be shown, nobody logs in without TLS, which is where it is shown."""
        for wanted in ("optional", "required"):
            options = FtpConfig(certificate="/c", client_ca="/a", client_certificate=wanted)
            made = wiring.ftp_settings(self.config(ftp=options))
            self.assertIs(made.require_tls_login, wanted == "required")

    def test_options_reach_the_store(self) -> None:
        """Options of `[storage]` are what the driver works with."""
        config = self.config(
            storage=StorageConfig(layout="plain", extra_headers=(("K", "v"),), num_connections_per_session=3),
            limits=LimitsConfig(handles=7),
        )
        made = backends.swift_reach(config, wiring.auth_settings(config, {}), self.reactor)
        shared = wiring.shared(config, SwiftStores(made), self.reactor, at_once)
        self.assertEqual((made.options.layout, made.policy.extra_headers), ("plain", {"K": "v"}))
        self.assertEqual((made.policy.connections_per_session, shared.channels.handles), (3, 7))

    def test_state_dir(self) -> None:
        """Keys lie where systemd says, or in the user's own state directory."""
        self.assertEqual(wiring.state_dir(Config(), {"STATE_DIRECTORY": "/a:/b"}), Path("/a"))
        self.assertEqual(
            wiring.state_dir(Config(sftp=SftpConfig(state_dir="/c")), {"STATE_DIRECTORY": "/a"}), Path("/c")
        )

    def test_state_dir_of_ftp_alone(self) -> None:
        """A file without a section of SFTP says it in that of FTP; where both do, SFTP's counts."""
        for text, wanted in (
            ("[ftp]\nstate_dir = /f", "/f"),
            ("[ftp]\nstate_dir = /f\n[sftp]\nstate_dir = /s", "/s"),
        ):
            path = Path(self.mktemp())
            path.write_text(text)
            self.assertEqual(wiring.state_dir(load(str(path), protocols=None)[0], {}), Path(wanted))
