"""
The commands ``swftp``, ``swftp-sftp`` and ``swftp-ftp``.

Exit status: 0 done, 1 failed, 2 wrong usage, 78 bad configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.internet.error import CannotListenError
from twisted.python import usage

from swftp import __version__, logs
from swftp.config import ConfigError, load
from swftp.config.document import as_file
from swftp.operating import commands as operating
from swftp.operating import zerostor as zerocli
from swftp.options import AllOptions, AnyOptions, FtpOptions, Options, refuse


def main(argv: Sequence[str] | None = None) -> int:
    """``swftp``."""
    options = parser().parse_args(argv)
    status: int = options.run(options)
    return status


def sftp(argv: Sequence[str] | None = None) -> int:
    """``swftp-sftp``: the service in the foreground, logging to standard output; flags of ``twistd swftp-sftp``."""
    return _foreground("swftp-sftp", Options, sys.argv[1:] if argv is None else argv)


def ftp(argv: Sequence[str] | None = None) -> int:
    """``swftp-ftp``: the same of FTP."""
    return _foreground("swftp-ftp", FtpOptions, sys.argv[1:] if argv is None else argv)


def _foreground(name: str, kind: type[AnyOptions], argv: Sequence[str]) -> int:
    options: Any = kind()
    try:
        options.parseOptions(list(argv))
    except usage.UsageError as error:
        sys.stderr.write(f"{options}\n{name}: {error}\n")
        return 2
    set_level = logs.start(options.config.log.format, options.config.log.level, sys.stdout)
    from swftp import service  # imports the reactor, and treq
    from swftp.generations import Source

    source = Source(read=options.read, applied=lambda config: set_level(config.log.level))

    def make(reactor: Any) -> IService:
        return service.make_service(options.config, options.warnings, reactor, source=source)

    try:
        service.run(make)
    except ConfigError as error:
        refuse(error)
    except CannotListenError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """What ``swftp`` understands."""
    parser = argparse.ArgumentParser(prog="swftp", description="Files that are objects, for SFTP and FTP clients.")
    parser.add_argument("--version", action="version", version=f"SwFTP {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    _demo_parser(commands)

    serve = commands.add_parser("serve", help="serve in the foreground, as twistd swftp does")
    serve.add_argument("-c", "--config-file", help="(/etc/swftp/swftp.conf, then ~/.swftp.cfg)")
    serve.set_defaults(run=_serve)

    check = commands.add_parser("check-config", help="say what is wrong with a configuration, without starting")
    check.add_argument("file", nargs="?", help="(/etc/swftp/swftp.conf, then ~/.swftp.cfg)")
    check.add_argument("--probe", action="store_true", help="ask whether the identity service is there, too")
    check.add_argument("--login", help="with --probe: let this login look at the store, too")
    check.set_defaults(run=_check_config)

    show = commands.add_parser("print-config", help="show every option as it is in force; with no file, the sample")
    show.add_argument("file", nargs="?", help="(all defaults)")
    show.set_defaults(run=_print_config)

    operating.add_commands(commands)
    zerocli.add_commands(commands)
    parser.set_defaults(parser=parser)
    return parser


def _demo_parser(commands: Any) -> None:
    demo = commands.add_parser("demo", help="serve a store on this machine, to try things out")
    demo.add_argument(
        "--storage",
        choices=("swift", "zerostor"),
        default="swift",
        help="a real Swift, or files of our own",
    )
    demo.add_argument("--data", type=Path, help="directory of everything it stores (~/.local/share/swftp-demo)")
    demo.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    demo.add_argument("--port", type=_port, default=5022, help="of the SFTP server; 0: any free one (5022)")
    demo.add_argument("--ftp-port", type=_port, default=5021, help="of the FTP server; 0: any free one (5021)")
    demo.add_argument("--swift-port", type=_port, default=0, help="of Swift; 0: any free one (0)")
    demo.set_defaults(run=_demo)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 65535")
    return port


def _demo(options: argparse.Namespace) -> int:
    try:
        if options.storage == "zerostor":
            from swftp.demo import zerostor

            return zerostor.demo(options.data, options.host, options.port, options.ftp_port)
        from swftp.demo import command
    except ImportError as error:
        extra = "zerostor" if options.storage == "zerostor" else "demo"
        sys.stderr.write(f"swftp demo: needs {error.name}: pip install 'swftp[{extra}]'\n")
        return 1
    return command.demo(options.data, options.host, options.port, options.ftp_port, options.swift_port)


def _serve(options: argparse.Namespace) -> int:
    named = ["-c", options.config_file] if options.config_file else []
    return _foreground("swftp serve", AllOptions, named)


def _check_config(options: argparse.Namespace) -> int:
    from swftp import service

    if options.login is not None and not options.probe:
        options.parser.error("--login goes with --probe")
    try:
        config, warnings = load(options.file)
        service.check(config)
    except ConfigError as error:
        refuse(error)
    for warning in warnings:
        sys.stderr.write(f"warning: {warning}\n")
    sys.stdout.write("The configuration can be used.\n")
    return operating.probe(config, options.login) if options.probe else 0


def _print_config(options: argparse.Namespace) -> int:
    try:
        config, _ = load(options.file, searched=(), protocols=None)
    except ConfigError as error:
        refuse(error)
    sys.stdout.write(as_file(config))
    return 0
