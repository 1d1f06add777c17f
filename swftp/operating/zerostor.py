"""
``swftp zerostor``: sets up, looks after and tells of the database and shards of a configuration.

No secret is ever an argument: passwords come from a prompt, a file or standard input.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import react

from swftp.config import ConfigError, load
from swftp.config.fields import SCALE, SIZE, root_path
from swftp.errors import StorageError
from swftp.operating.given import Unusable, hours
from swftp.operating.zeroinput import FAILED, say
from swftp.options import refuse


def add_commands(commands: Any) -> None:
    """The command and all below it."""
    zerostor = commands.add_parser("zerostor", help="look after the store with storage = zerostor")
    below = zerostor.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(where: Any, name: str, work: Any, help: str) -> Any:
        parser = where.add_parser(name, help=help)
        parser.add_argument("-c", "--config-file", help="(/etc/swftp/swftp.conf, then ~/.swftp.cfg)")
        parser.set_defaults(run=_run, work=work)
        return parser

    command(below, "init", None, "make what is missing: master key, tables, shards").set_defaults(run=_init)
    user = below.add_parser("user", help="who may log in").add_subparsers(required=True, metavar="COMMAND")
    _user_commands(lambda name, work, help: command(user, name, work, help))
    shard = below.add_parser("shard", help="what shards are used for").add_subparsers(
        required=True, metavar="COMMAND"
    )
    command(shard, "list", "shard_list", "number, state, room and address")
    state = command(shard, "state", "shard_state", "use a shard in another way from now on")
    state.add_argument("number", type=int)
    state.add_argument("state", choices=("rw", "ro", "drain", "gone"))
    moved = command(shard, "address", "shard_address", "say that a shard is found elsewhere from now on")
    moved.add_argument("number", type=int)
    moved.add_argument("url", help="as in the configuration, without password")
    command(below, "stats", "stats", "what is stored")
    command(below, "fsck", "fsck", "look at everything, change nothing")
    scrub = command(below, "scrub", "scrub", "look at everything, mend what is damaged, remove what nobody names")
    scrub.add_argument("--hours", type=hours, default=48.0, help="that what nobody names must be old (48)")
    command(below, "repair", "repair", "bury, sweep, mend and move all that is to be, now")
    command(below, "rekey", "rekey", "put a new master key before the old one, and encrypt all keys with it")
    export = command(below, "export", "export", "write all of the database as lines of JSON")
    export.add_argument("file", type=Path)
    load_ = command(below, "import", "load", "fill an empty database from such a file")
    load_.add_argument("file", type=Path)


def _user_commands(command: Callable[[str, str, str], Any]) -> None:
    add = command("add", "user_add", "let somebody log in")
    add.add_argument("name", type=_name)
    add.add_argument("--account", type=_name, help="whose files they are; made if it is not there (the same name)")
    add.add_argument("--root", type=_root, default="/", help="directory that is shown as /, made if missing (/)")
    add.add_argument("--quota", type=_size, help="of the account, as 10GiB, or none")
    add.add_argument("--key", type=Path, action="append", default=[], help="file of public keys")
    _password_options(add)
    command("list", "user_list", "all of them")
    for name, work, text in (
        ("remove", "user_remove", "nobody logs in by this name any more; files stay"),
        ("disable", "user_disable", "refuse it for now"),
        ("enable", "user_enable", "let it in again"),
    ):
        command(name, work, text).add_argument("name")
    passwd = command("passwd", "user_passwd", "another password")
    passwd.add_argument("name")
    _password_options(passwd)
    key = command("key", "user_key", "add public keys, or take all away")
    key.add_argument("name")
    key.add_argument("file", type=Path, nargs="*")
    key.add_argument("--clear", action="store_true", help="take away those that are there")
    quota = command("quota", "user_quota", "what the account of a user may hold")
    quota.add_argument("name")
    quota.add_argument("size", type=_size, help="as 10GiB, or none")
    drop = command("drop", "user_drop", "remove an account that holds nothing, with all its logins")
    drop.add_argument("account")


def _password_options(parser: Any) -> None:
    parser.add_argument("--password-file", help="its first line is the password; - is standard input (a prompt)")
    parser.add_argument("--no-password", action="store_true", help="keys only")


def _name(text: str) -> str:
    if not text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is no name that somebody could log in by")
    return text


def _root(text: str) -> str:
    try:
        return root_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _size(text: str) -> int | None:
    if text == "none":
        return None
    found = SIZE.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size as 65536, 64K or 10GiB")
    return int(float(found[1]) * SCALE[found[2].upper()])


def _settings(options: argparse.Namespace) -> Any:
    try:
        from swftp.stores import zerostor as zerostores

        config, _ = load(options.config_file)
        return zerostores.settings_of(config)
    except ConfigError as error:
        refuse(error)
    except ImportError as error:
        raise SystemExit(f"swftp zerostor: needs {error.name}: pip install 'swftp[zerostor]'") from None


def _init(options: argparse.Namespace) -> int:
    settings = _settings(options)
    from swftp.storage.zerostor import setting_up
    from swftp.storage.zerostor.chunks import UnusableMasterKey

    try:
        for line in setting_up.make_places(settings):
            say(line)
    except (StorageError, UnusableMasterKey, OSError) as error:
        sys.stderr.write(f"swftp zerostor: {error}\n")
        return FAILED

    async def work(reactor: Any) -> int:
        for shard in await setting_up.register(settings, reactor):
            say(f"shard {shard.id} is {shard.url}")
        return 0

    return reacting(work)


def _run(options: argparse.Namespace) -> int:
    """Carry out a command on the opened store."""
    settings = _settings(options)
    patience = replace(settings.metadata.patience, answer=inf)  # all there is may be looked at in one go
    exclusive = settings.metadata.exclusive and getattr(options, "root", "/") != "/"  # else no name is changed
    metadata = replace(settings.metadata, exclusive=exclusive, patience=patience)
    settings = replace(settings, metadata=metadata)
    from swftp.operating import zerocommands
    from swftp.services import Threads
    from swftp.storage.zerostor.chunks import UnusableMasterKey, masterkey
    from swftp.storage.zerostor.opening import Opened

    command = getattr(zerocommands, options.work)

    async def work(reactor: Any) -> int:
        threads = Threads("zerostor", 4, reactor)
        threads.startService()
        try:
            opened = Opened(settings, reactor, time.time, threads.run)
            try:
                await opened.start()
                return int(await command(opened, options) or 0)
            finally:
                await opened.stop()
        finally:
            await threads.stopService()

    try:
        if options.work == "rekey":
            masterkey.rotate(settings.master_key)
        masterkey.read(settings.master_key)
        return reacting(work)
    except UnusableMasterKey as error:
        sys.stderr.write(f"swftp zerostor: {error}\n")
        return FAILED


def reacting(work: Callable[[Any], Awaitable[int]]) -> int:
    """Carry out *work* while a reactor runs; its status, or 1 where the store or a file says no."""
    from swftp.service import steady

    steady()
    status = FAILED

    async def carried_out(reactor: Any) -> None:
        nonlocal status
        try:
            status = await work(reactor)
        except (StorageError, Unusable) as error:
            sys.stderr.write(f"swftp zerostor: {error}\n")
        except OSError as error:
            sys.stderr.write(f"swftp zerostor: {error.filename or ''}: {error.strerror}\n")

    try:
        react(lambda reactor: maybeDeferred(Deferred.fromCoroutine, carried_out(reactor)))
    except SystemExit as ended:
        return status if not ended.code else FAILED
    return status
