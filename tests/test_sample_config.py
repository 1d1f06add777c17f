"""What is written about the configuration says what the code says."""

from __future__ import annotations

import configparser
from dataclasses import fields, replace
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.assembly import KeyFiles
from swftp.auth.limits import AdmissionLimits
from swftp.auth.settings import AuthSettings
from swftp.auth.throttle import ThrottleSettings
from swftp.config import Config, ConfigError, LoginConfig, load
from swftp.config.document import as_file, table
from swftp.config.fields import settings_of
from swftp.config.sections import FAMILIES, SECTIONS
from swftp.ftp.settings import Settings as FtpSettings
from swftp.sftp.server import Limits
from swftp.ssh.settings import Settings
from swftp.storage.swift import Options, Policy
from swftp.stores.housekeeping import Sweeping
from swftp.transfer.engine import TransferLimits

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "etc/swftp.conf.sample"
DOCUMENT = ROOT / "docs/configuration.md"

SETTINGS = {
    "auth": (AuthSettings, KeyFiles),
    "throttle": (ThrottleSettings,),
    "limits": (AdmissionLimits, Limits),
    "ssh": (Settings,),
    "ftp": (FtpSettings,),
    "transfer": (TransferLimits,),
    "storage": (Options, Policy, Sweeping),
}
"""Section -> the values that the layers below take, and that it fills by name."""
STORAGE = ("connections_per_session", "extra_headers", "storage_scheme", "storage_netloc", "log_requests")
ELSEWHERE = {
    "storage",
    "transfer_memory",
    "session_memory",
    "cloud",
    "num_persistent_connections",
    "connect_timeout",
} | {
    "num_connections_per_session",
    "connection_timeout",
}
LISTENING = {
    "host",
    "port",
    "listen",
    "implicit_listen",
    "proxy_networks",
    "proxy_data",
    "sessions_per_user",
    "root",
    "drain_timeout",
    "verbose",
    "state_dir",
}
STATISTICS = {"stats_host", "stats_port", "log_statsd_host", "log_statsd_port"} | {
    "log_statsd_sample_rate",
    "log_statsd_metric_prefix",
}
TLS = {"certificate", "private_key", "client_ca", "client_crl", "client_certificate", "minimum_tls"}
"""Options that fill nothing by their name."""
OTHERWISE = {
    *(("storage", name) for name in STORAGE),
    ("ssh", "policy"),
    ("ssh", "version"),
    ("ssh", "first_window"),
    ("ssh", "windows"),
    ("auth", "options"),
    ("auth", "auth_url"),
    ("auth", "interface"),
    ("auth", "certificates"),
    ("ftp", "passive_ports"),
}
"""Fields whose option is written otherwise than the field, or that are no option."""


class SampleTests(SynchronousTestCase):
    """``etc/swftp.conf.sample``."""

    def test_says_what_the_code_says(self) -> None:
        """It names every option with its unit and default: it is what ``swftp print-config`` prints."""
        self.assertEqual(SAMPLE.read_text("utf-8"), as_file(Config()))

    def test_changes_nothing(self) -> None:
        """Used as it is, it gives the defaults."""
        self.assertEqual(load(str(SAMPLE)), (Config(), []))

    def test_every_option_can_be_uncommented(self) -> None:
        """Without the marks, every line is an option that is understood, and still the defaults."""
        path = Path(self.mktemp())
        path.write_text(SAMPLE.read_text("utf-8").replace("\n#", "\n").replace("\n ", "\n# "))
        parser = configparser.RawConfigParser()
        parser.read_string(path.read_text())
        known = {**SECTIONS, **{f"{family} *": kind for family, kind in FAMILIES.items()}}
        self.assertEqual(set(parser.sections()), set(known))
        for name, section in known.items():
            self.assertEqual(set(parser.options(name)), set(settings_of(section)))
        made = load(str(path))[0]
        self.assertEqual(replace(made, logins=()), Config())
        self.assertEqual([(name, LoginConfig(**given)) for name, given in made.logins], [("*", LoginConfig())])

    def test_print_config_reads_back(self) -> None:
        """What ``swftp print-config FILE`` prints means what FILE means."""
        path, again = Path(self.mktemp()), Path(self.mktemp())
        path.write_text(
            '[sftp]\nhost_keys = /a, /b\n[storage]\nextra_headers = K: "a, \\"b", L: c\n[log]\nlevel = warn\n'
            "[login a*]\nread_only = yes\n[login b c]\nroot = /x\nnetworks = 10.0.0.0/8, ::1\nupload_rate = 2M\n"
        )
        made, _ = load(str(path))
        again.write_text(as_file(made))
        self.assertEqual(load(str(again))[0], made)


class DocumentTests(SynchronousTestCase):
    """``docs/configuration.md``."""

    def test_says_what_the_code_says(self) -> None:
        """It has the table of every section."""
        text = DOCUMENT.read_text("utf-8")
        for name in SECTIONS:
            self.assertIn(f"`[{name}]`\n", text)
            self.assertIn(table(name), text, f"in the documentation, the table of [{name}] should be\n{table(name)}")
        for name in FAMILIES:
            self.assertIn(f"`[{name} NAME]`\n", text)
            self.assertIn(table(name), text, f"the table of [{name} NAME] should be\n{table(name)}")


class DefaultsTests(SynchronousTestCase):
    """Options and the values that the layers below take."""

    def test_same_defaults(self) -> None:
        """An option has the default of the value it fills, and every such value has its option."""
        for section, kinds in SETTINGS.items():
            options = {option.name: option.default for option in settings_of(SECTIONS[section]).values()}
            for kind in kinds:
                wanted = {
                    part.name: getattr(kind(), part.name)
                    for part in fields(kind)
                    if (section, part.name) not in OTHERWISE
                }
                self.assertEqual(
                    {name: options.get(name) for name in wanted}, wanted, f"[{section}], {kind.__name__}"
                )

    def test_nothing_without_use(self) -> None:
        """No option of these sections fills nothing."""
        for section, kinds in SETTINGS.items():
            known = {part.name for kind in kinds for part in fields(kind)}
            alone = set(settings_of(SECTIONS[section])) - known - ELSEWHERE
            alone -= LISTENING | STATISTICS | TLS if section == "ftp" else set()
            self.assertEqual(alone, set(), section)

    def test_checked(self) -> None:
        """A sample with a mistake would be noticed."""
        path = Path(self.mktemp())
        path.write_text(as_file(Config()).replace("#port = 5022", "port = x"))
        self.assertRaises(ConfigError, load, str(path))
