"""Rules of `swftp.options`."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

from twisted.application.service import IServiceMaker
from twisted.plugin import IPlugin, getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from swftp import __version__
from swftp.config import EX_CONFIG
from swftp.options import AllOptions, FtpOptions, Options, makeService


class OptionsCase(SynchronousTestCase):
    """A command line."""

    kind: ClassVar[Any] = Options

    def setUp(self) -> None:
        """An empty configuration file, and something to catch what is said."""
        self.file = Path(self.mktemp())
        self.file.write_text("")
        self.said = io.StringIO()

    def parsed(self, *words: str) -> Any:
        """The options that *words* mean."""
        options = self.kind()
        with redirect_stdout(self.said), redirect_stderr(self.said):
            options.parseOptions(["-c", str(self.file), *words])
        return options


class OptionsTests(OptionsCase):
    """The command line of 2014."""

    def test_short_flags(self) -> None:
        """``-a``, ``-p``, ``-h`` and ``-v`` are auth_url, port, host and verbose."""
        made = self.parsed("-a", "http://x/auth/v1.0", "-p", "2222", "-h", "127.0.0.1", "-v").config
        self.assertEqual(made.auth.auth_url, "http://x/auth/v1.0")
        self.assertEqual((made.sftp.port, made.sftp.host, made.sftp.verbose), (2222, "127.0.0.1", True))

    def test_long_flags(self) -> None:
        """The long names are those of the options."""
        made = self.parsed("--auth_url=http://x/v3", "--port=1", "--host=h", "--verbose", "--priv_key=/k").config
        self.assertEqual(made.auth.auth_url, "http://x/v3")
        self.assertEqual((made.sftp.port, made.sftp.host, made.sftp.priv_key), (1, "h", "/k"))

    def test_flags_win(self) -> None:
        """A flag goes before the file; one that is not given leaves the file's value."""
        self.file.write_text("[sftp]\nport = 1\nhost = h\nverbose = yes\n")
        made = self.parsed("-p", "2").config
        self.assertEqual((made.sftp.port, made.sftp.host, made.sftp.verbose), (2, "h", True))

    def test_pub_key(self) -> None:
        """``--pub_key`` of an old start script is understood, and said to be needless."""
        (warning,) = self.parsed("--pub_key=/k.pub").warnings
        self.assertTrue(warning.startswith("command line: --pub_key: "), warning)

    def test_bad_value(self) -> None:
        """A value that is not allowed ends the process with status 78 and a message without traceback."""
        error = self.assertRaises(SystemExit, self.parsed, "-p", "x")
        self.assertEqual(error.code, EX_CONFIG)
        self.assertEqual(self.said.getvalue(), "command line: --port: 'x' is not a whole number\n")

    def test_bad_file(self) -> None:
        """So does a file that cannot be used."""
        self.file.write_text("[sftp]\nprot = 1\n")
        error = self.assertRaises(SystemExit, self.parsed)
        self.assertEqual(error.code, EX_CONFIG)
        self.assertIn(f"{self.file}:2: [sftp] prot: unknown option", self.said.getvalue())

    def test_unknown_flag(self) -> None:
        """A flag that does not exist is wrong usage, not a wrong configuration."""
        self.assertRaises(UsageError, self.parsed, "--prot=1")

    def test_help(self) -> None:
        """``--help`` shows every flag; ``-h`` is not help."""
        error = self.assertRaises(SystemExit, self.parsed, "--help")
        self.assertEqual(error.code, 0)
        for flag in ("-c, --config_file=", "-a, --auth_url=", "-p, --port=", "-h, --host=", "-v, --verbose"):
            self.assertIn(flag, self.said.getvalue())

    def test_version(self) -> None:
        """``--version`` is ours, not Twisted's."""
        self.assertRaises(SystemExit, self.parsed, "--version")
        self.assertEqual(self.said.getvalue(), f"SwFTP {__version__}\n")


class FtpOptionsTests(OptionsCase):
    """Those of FTP: the same flags, of its own section."""

    kind = FtpOptions

    def test_flags(self) -> None:
        """``-a``, ``-p``, ``-h`` and ``-v`` are options of ``[ftp]``; what ``[sftp]`` says is left alone."""
        self.file.write_text("[sftp]\nauth_url = http://y/v3\nnonsense = 1\n")
        made = self.parsed("-a", "http://x/auth/v1.0", "-p", "2121", "-h", "127.0.0.1", "-v").config
        self.assertEqual((made.auth.auth_url, made.protocols), ("http://x/auth/v1.0", ("ftp",)))
        self.assertEqual((made.ftp.port, made.ftp.host, made.ftp.verbose), (2121, "127.0.0.1", True))

    def test_file_of_2014(self) -> None:
        """The section of 2014 works as it is."""
        self.file.write_text(
            "[ftp]\nauth_url = http://x/v1.0\nport = 21\nsession_timeout = 90\nwelcome_message = hi\n"
        )
        made = self.parsed().config
        self.assertEqual((made.auth.auth_url, made.ftp.port, made.ftp.session_timeout), ("http://x/v1.0", 21, 90.0))
        self.assertEqual(made.ftp.welcome_message, "hi")

    def test_no_host_keys(self) -> None:
        """FTP has none."""
        self.assertRaises(UsageError, self.parsed, "--priv_key=/k")


class AllOptionsTests(OptionsCase):
    """Those of one process for all."""

    kind = AllOptions

    def test_what_is_served(self) -> None:
        """The protocols that the file has sections of; where it has none, all."""
        for text, protocols in (
            ("[ftp]\nport = 1\n", ("ftp",)),
            ("[sftp]\nport = 1\n", ("sftp",)),
            ("[sftp]\nport = 1\n[ftp]\nport = 2\n", ("sftp", "ftp")),
            ("", ("sftp", "ftp")),
        ):
            self.file.write_text(text)
            self.assertEqual(self.parsed().config.protocols, protocols, text)

    def test_verbose(self) -> None:
        """``-v`` is for all of them, and makes no section of its own."""
        self.file.write_text("[ftp]\nport = 1\n")
        made = self.parsed("-v", "-a", "http://x/v3").config
        self.assertEqual((made.ftp.verbose, made.auth.auth_url, made.protocols), (True, "http://x/v3", ("ftp",)))

    def test_two_identity_services(self) -> None:
        """There is one: sections of 2014 that name two cannot be served together."""
        self.file.write_text("[sftp]\nauth_url = http://x/v3\n[ftp]\nauth_url = http://y/v3\n")
        error = self.assertRaises(SystemExit, self.parsed)
        self.assertEqual(error.code, EX_CONFIG)
        self.assertIn(":4: [ftp] auth_url: differs from ", self.said.getvalue())
        self.file.write_text("[sftp]\nauth_url = http://x/v3\n[ftp]\nauth_url = http://x/v3\n")
        self.assertEqual(self.parsed().config.auth.auth_url, "http://x/v3")


class PluginTests(SynchronousTestCase):
    """What twistd sees."""

    def test_others(self) -> None:
        """twistd finds ``swftp-ftp`` and ``swftp``, each with its options."""
        makers = {plugin.tapname: plugin for plugin in getPlugins(IServiceMaker)}
        for name, kind in (("swftp-ftp", FtpOptions), ("swftp", AllOptions)):
            self.assertIs(makers[name].options, kind)
            self.assertIs(makers[name].makeService, makeService)

    def test_found(self) -> None:
        """twistd finds ``swftp-sftp`` and its options."""
        (maker,) = [plugin for plugin in getPlugins(IServiceMaker) if plugin.tapname == "swftp-sftp"]
        self.assertTrue(IPlugin.providedBy(maker))
        self.assertIs(maker.options, Options)
