"""The command line of ``twistd swftp-sftp`` and ``swftp-sftp``: the flags of 2014, ``-h`` is the host."""

from __future__ import annotations

import sys
from typing import NoReturn

from twisted.application.service import IService, MultiService
from twisted.internet.error import CannotListenError
from twisted.python import usage

from swftp import __version__
from swftp.config import COMMAND_LINE, EX_CONFIG, Config, ConfigError, Given, load

OVERRIDES = ("auth_url", "port", "host", "priv_key", "pub_key")
"""Flags that stand for the option of the same name in ``[sftp]``."""


class Options(usage.Options):
    """After parsing, ``self.config`` is the configuration and ``self.warnings`` what to say about it."""

    longdesc = "Serve files that are objects in OpenStack Swift to SFTP clients."
    optParameters = [
        ["config_file", "c", None, "Read only this file [/etc/swftp/swftp.conf, then ~/.swftp.cfg]."],
        ["auth_url", "a", None, "Identity service, as in http://127.0.0.1:8080/auth/v1.0."],
        ["port", "p", None, "Port to listen on [5022]."],
        ["host", "h", None, "Address to listen on [0.0.0.0]."],
        ["priv_key", None, None, "File of the host key."],
        ["pub_key", None, None, "Not needed; understood for old start scripts."],
    ]
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
            self.config, self.warnings = load(self["config_file"], self._overrides())
        except ConfigError as error:
            refuse(error)

    def _overrides(self) -> list[Given]:
        texts = {name: self[name] for name in OVERRIDES if self[name]}
        if self["verbose"]:
            texts["verbose"] = "yes"
        return [Given("sftp", name, text, COMMAND_LINE, 0) for name, text in texts.items()]


def makeService(options: Options) -> IService:
    """What twistd runs; a key that cannot be used ends it as a bad option does."""
    from swftp import service  # imports the reactor, which twistd's own options choose first

    service.steady()
    try:
        return Announced(service.make_service(options.config, options.warnings))
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
