"""The commands of ``swftp`` for whoever runs it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from swftp.config import EX_CONFIG, Config, ConfigError, load
from swftp.gateway import hostkeys
from swftp.operating import asking, manual
from swftp.operating.given import Unusable, hours, prompted
from swftp.operating.progress import Bar
from swftp.options import refuse

SECRET = "SWFTP_PASSWORD"  # noqa: S105  (the name of a variable)
COLUMNS = ("process", "protocol", "user", "peer", "method", "bytes_in", "bytes_out", "transfers")


def add_commands(commands: Any) -> None:
    """All of them."""
    keys = _command(commands, "hostkey", _hostkey, "make host keys, unless they are there, and show fingerprints")
    keys.add_argument("directory", type=Path, nargs="?", help="where they are (as the configuration says)")
    keys.add_argument("--show", action="store_true", help="make none")

    who = _command(commands, "whoami", _whoami, "try a login, as a client would")
    who.add_argument("login", help=f"as clients give it; the password is asked for, or taken from {SECRET}")

    sessions = _command(commands, "sessions", _sessions, "show who is logged in to the gateways of this machine")
    sessions.add_argument("--json", action="store_true", help="a line of JSON for each gateway")

    drain = _command(commands, "drain", _drain, "let nobody new in, and end when running transfers have ended")
    drain.add_argument("--process", type=int, help="the gateway with this process id (all of this machine)")
    drain.add_argument("--no-wait", action="store_true", help="do not wait for the end")

    for name in ("reap", "sweep"):
        text = "remove from an account what uploads left when a gateway died"
        reap = _command(commands, name, _reap, text if name == "reap" else "the same as reap")
        reap.add_argument("login", help=f"as clients give it; the password is asked for, or taken from {SECRET}")
        reap.add_argument("containers", nargs="*", metavar="container", help="(all)")
        reap.add_argument("--hours", type=hours, default=48.0, help="that nothing was stored of an upload (48)")
        reap.add_argument("--dry-run", action="store_true", help="only count")

    complete = commands.add_parser("completion", help="print what teaches a shell to complete our command lines")
    complete.add_argument("shell", choices=tuple(manual.SHELLS))
    complete.set_defaults(run=_completion)
    pages = commands.add_parser("manual", help="write manual pages")
    pages.add_argument("directory", type=Path, nargs="?", help="where to; one file for each command (all to us)")
    pages.set_defaults(run=_manual)


def _command(commands: Any, name: str, run: Any, help: str) -> Any:
    parser = commands.add_parser(name, help=help)
    parser.add_argument("-c", "--config-file", help="(/etc/swftp/swftp.conf, then ~/.swftp.cfg)")
    parser.set_defaults(run=run)
    return parser


def _loaded(options: argparse.Namespace) -> Config:
    try:
        config, _ = load(options.config_file)
    except ConfigError as error:
        refuse(error)
    return config


def _state_dir(options: argparse.Namespace) -> Path:
    from swftp import wiring

    return wiring.state_dir(_loaded(options), os.environ)


def secret_of(login: str) -> str:
    """Its password: from the environment, or from whoever sits at the terminal."""
    given = os.environ.get(SECRET)
    try:
        return prompted(f"Password of {login}: ") if given is None else given
    except Unusable as error:
        raise SystemExit(f"swftp: {error}") from error


def _hostkey(options: argparse.Namespace) -> int:
    from swftp import wiring

    make = not options.show
    try:
        if options.directory:
            found = hostkeys.kept(options.directory, make=make)
        else:
            found = wiring.key_files(_loaded(options), os.environ, make=make)
    except hostkeys.UnusableKey as error:
        sys.stderr.write(f"swftp hostkey: {error}\n")
        return 1
    except ConfigError as error:
        refuse(error)
    for path, key in found.items():
        sys.stdout.write(f"{path}: {hostkeys.fingerprint(key)}\n")
    sys.stderr.write("" if found else "swftp hostkey: there are none yet\n")
    return 0 if found else 1


def _whoami(options: argparse.Namespace) -> int:
    from swftp import service
    from swftp.operating import trying

    secret = secret_of(options.login)

    async def work(backend: Any) -> int:
        for line in await trying.look(options.login, secret, backend.auth.checkers, backend.stores):
            sys.stdout.write(f"{line}\n")
        return 0

    try:
        return service.using(_loaded(options), work)
    except ConfigError as error:
        refuse(error)


def probe(config: Config, login: str | None) -> int:
    """
    Ask identity service and store whether they are there; the exit status.

    :param login: who may look at the store; None: the store is not asked.
    """
    from swftp import service
    from swftp.operating import trying

    secret = None if login is None else secret_of(login)

    async def work(backend: Any) -> int:
        trouble = await trying.stranger(backend.auth.checkers)
        if trouble:
            sys.stderr.write(f"identity service: {trouble}\n")
            return EX_CONFIG
        sys.stdout.write("identity service: answers\n")
        if login is not None and secret is not None:
            for line in await trying.look(login, secret, backend.auth.checkers, backend.stores):
                sys.stdout.write(f"{line}\n")
        return 0

    return EX_CONFIG if service.using(config, work) else 0


def _sessions(options: argparse.Namespace) -> int:
    found = False
    rows: list[tuple[str, ...]] = [COLUMNS]
    for path in asking.gateways(_state_dir(options)):
        try:
            with asking.asked(path, "sessions") as answers:
                answer = next(answers)
        except ConnectionRefusedError:
            continue  # it was killed
        except (OSError, StopIteration, ValueError) as error:
            sys.stderr.write(f"swftp sessions: {path}: {error}\n")
            return 1
        found = True
        if options.json:
            sys.stdout.write(f"{json.dumps(answer)}\n")
        process = {"process": answer["process"]}
        rows += [tuple(_cell({**process, **row}.get(name)) for name in COLUMNS) for row in answer["sessions"]]
    if not found:
        sys.stderr.write("swftp sessions: no gateway runs here\n")
        return 1
    if not options.json:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            sys.stdout.write(f"{line.rstrip()}\n")
    return 0


def _cell(value: object) -> str:
    text = str(len(value) if isinstance(value, list) else value)
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _drain(options: argparse.Namespace) -> int:
    paths = asking.gateways(_state_dir(options))
    if options.process is not None:
        paths = [path for path in paths if path.suffix == f".{options.process}"]
    drained, bar = 0, Bar(sys.stderr)
    for path in paths:
        try:
            with asking.asked(path, "drain") as answers:
                for answer in answers:
                    bar.say(f"{path.suffix[1:]}: {answer['status']}")
                    if options.no_wait:
                        break
        except ConnectionRefusedError:
            continue  # it was killed
        except OSError as error:
            bar.clear()
            sys.stderr.write(f"swftp drain: {path}: {error}\n")
            return 1
        drained += 1
    bar.clear()
    sys.stderr.write("" if drained else "swftp drain: no such gateway runs here\n")
    return 0 if drained else 1


def _reap(options: argparse.Namespace) -> int:
    from swftp import service
    from swftp.operating import sweeping

    order = sweeping.Order(
        login=options.login,
        secret=secret_of(options.login),
        containers=options.containers,
        age=options.hours * 3600,
        dry=options.dry_run,
    )
    bar = Bar(sys.stderr)

    async def work(backend: Any) -> int:
        try:
            async for swept in sweeping.sweep(order, backend.auth.checkers, backend.stores):
                bar.clear()
                removed = "" if order.dry else " removed"
                sys.stdout.write(f"{swept.container}: {swept.segments} abandoned segments{removed}\n")
                bar.show(swept.done, swept.total, "containers")
        finally:
            bar.clear()
        return 0

    try:
        return service.using(_loaded(options), work)
    except ConfigError as error:
        refuse(error)


def _completion(options: argparse.Namespace) -> int:
    sys.stdout.write(manual.SHELLS[options.shell](manual.root(options.parser)))
    return 0


def _manual(options: argparse.Namespace) -> int:
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    command = manual.root(options.parser)
    if options.directory is None:
        sys.stdout.write(manual.page(command, date))
        return 0
    try:
        options.directory.mkdir(parents=True, exist_ok=True)
        for one in (command, *command.below):
            path = options.directory / f"{'-'.join(one.words)}.1"
            path.write_text(manual.page(one, date), "utf-8")
    except OSError as error:
        sys.stderr.write(f"swftp manual: {error}\n")
        return 1
    return 0
