"""
The command lines of ``twistd swftp-sftp``, ``swftp-ftp`` and ``swftp``: the flags of 2014, ``-h`` is the host.

twistd's plugins name a module each: `swftp.options` is SFTP's, as before; the others have `swftp.plugins`.
"""

from __future__ import annotations

import sys
from typing import ClassVar, NoReturn

from twisted.application.service import IService, MultiService
from twisted.internet.error import CannotListenError
from twisted.python import usage

from swftp import __version__
from swftp.config import COMMAND_LINE, EX_CONFIG, PROTOCOLS, Config, ConfigError, Given, load

COMMON = [
    ["config_file", "c", None, "Read only this file [/etc/swftp/swftp.conf, then ~/.swftp.cfg]."],
    ["auth_url", "a", None, "Identity service, as in http://127.0.0.1:8080/auth/v1.0."],
]


class AnyOptions(usage.Options):
    """
    After parsing, ``self.config`` is the configuration and ``self.warnings`` what to say about it.

    :cvar protocols: what is served; None: what the configuration has sections of.
    :cvar overrides: flags that stand for an option, and its section.
    """

    protocols: ClassVar[tuple[str, ...] | None] = None
    overrides: ClassVar[dict[str, str]] = {"auth_url": "auth"}
    optFlags = [["verbose", "v", "Log each request to storage."]]

    config: Config
    warnings: list[str]

    def opt_version(self) -> NoReturn:
        """Show the version and exit."""
        sys.stdout.write(f"SwFTP {__version__}\n")
        sys.exit(0)

    def postOptions(self) -> None:
        """Read the configuration; with one that cannot be used, say why and end with status 78."""
        try:
            self.config, self.warnings = self.read()
        except ConfigError as error:
            refuse(error)

    def read(self) -> tuple[Config, list[str]]:
        """
        The configuration as the files say now, under the same flags; and warnings.

        :raises ConfigError: it cannot be used.
        """
        return load(self["config_file"], self._overrides(), protocols=self.protocols)

    def _overrides(self) -> list[Given]:
        said = [
            Given(section, name, self[name], COMMAND_LINE, 0)
            for name, section in self.overrides.items()
            if self[name]
        ]
        if self["verbose"]:
            said += [Given(name, "verbose", "yes", COMMAND_LINE, 0) for name in self.protocols or PROTOCOLS]
        return said


class Options(AnyOptions):
    """SFTP's."""

    protocols = ("sftp",)
    longdesc = "Serve files that are objects in OpenStack Swift to SFTP clients."
    optParameters = [
        *COMMON,
        ["port", "p", None, "Port to listen on [5022]."],
        ["host", "h", None, "Address to listen on [0.0.0.0]."],
        ["priv_key", None, None, "File of the host key."],
        ["pub_key", None, None, "Not needed; understood for old start scripts."],
    ]
    overrides = dict.fromkeys(("auth_url", "port", "host", "priv_key", "pub_key"), "sftp")


class FtpOptions(AnyOptions):
    """FTP's."""

    protocols = ("ftp",)
    longdesc = "Serve files that are objects in OpenStack Swift to FTP and FTPS clients."
    optParameters = [
        *COMMON,
        ["port", "p", None, "Port to listen on [5021]."],
        ["host", "h", None, "Address to listen on [0.0.0.0]."],
    ]
    overrides = dict.fromkeys(("auth_url", "port", "host"), "ftp")


class AllOptions(AnyOptions):
    """Those of one process for all protocols that the configuration has sections of."""

    longdesc = "Serve files that are objects in OpenStack Swift to SFTP, FTP and FTPS clients."
    optParameters = COMMON


def makeService(options: AnyOptions) -> IService:
    """What twistd runs; a key that cannot be used ends it as a bad option does."""
    from swftp import service  # imports the reactor, which twistd's own options choose first
    from swftp.generations import Source

    service.steady()
    try:
        source = Source(read=options.read)
        return Announced(service.make_service(options.config, options.warnings, source=source))
    except ConfigError as error:
        refuse(error)


class Announced(MultiService):
    """Says in words, not by a traceback, why *service* cannot start."""

    def __init__(self, service: IService) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        service.setServiceParent(self)  # type: ignore[no-untyped-call]

    def privilegedStartService(self) -> None:
        """See `IService`."""
        try:
            super().privilegedStartService()  # type: ignore[no-untyped-call]
        except CannotListenError as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(1) from error


def refuse(error: ConfigError) -> NoReturn:
    """End the process: the configuration cannot be used."""
    for problem in error.problems:
        sys.stderr.write(f"{problem}\n")
    raise SystemExit(EX_CONFIG) from error
