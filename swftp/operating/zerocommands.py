"""What each command of ``swftp zerostor`` does with the opened store; each gives its exit status, None for 0."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from types import MappingProxyType

from swftp.errors import AlreadyExists, InvalidRequest, NotDirectory, NotFound, StorageError
from swftp.operating import zeroinput
from swftp.operating.progress import Bar
from swftp.operating.zeroinput import say
from swftp.paths import resolve
from swftp.storage.zerostor.chunks import State
from swftp.storage.zerostor.meta import Namespace
from swftp.storage.zerostor.meta.values import Account, Login
from swftp.storage.zerostor.opening import Opened, address
from swftp.storage.zerostor.scrubber import Report
from swftp.storage.zerostor.values import Told

Options = argparse.Namespace


async def user_add(opened: Opened, options: Options) -> None:
    """Let somebody log in."""
    users = opened.metadata.users
    if await users.login(options.name) is not None:  # before anything is made or changed
        raise AlreadyExists(f"somebody has the name {options.name} already")
    secret, lines = zeroinput.password(options), zeroinput.keys(options.name, options.key)
    name = options.account or options.name
    try:
        account = (await users.account(name)).id
    except NotFound:
        account = await users.add_account(name)
    await _make_root(opened.metadata.namespace(account), options.root)
    if options.quota is not None:
        await users.set_quota(name, options.quota)
    await users.add(options.name, account, password=secret, keys=lines, root=options.root)
    say(f"{options.name} may log in to the account {name}")


async def _make_root(names: Namespace, root: str) -> None:
    """
    Make what is missing of the directory *root*: whoever sees nothing above it could not.

    :raises InvalidRequest: something else stands there.
    """
    parts = resolve(root).parts
    try:
        for count in range(1, len(parts) + 1):
            with suppress(AlreadyExists):
                await names.make_directory(parts[:count])
        found = (await names.lookup(parts)).is_directory
    except NotDirectory:
        found = False
    if not found:
        raise InvalidRequest(f"{root} is no directory of that account, and cannot be made")


async def user_list(opened: Opened, options: Options) -> None:
    """All of them."""
    accounts = {account.id: account for account in await opened.metadata.users.accounts()}
    for login in await opened.metadata.users.logins():
        account = accounts[login.account]
        quota = "no quota" if account.quota_bytes is None else f"of {account.quota_bytes}"
        held = f"{account.used_bytes} bytes {quota} in {account.used_files} files"
        notes = f"{len(login.keys)} keys{', disabled' if login.disabled else ''}"
        say(f"{login.name}\taccount {account.name}\troot {login.root}\t{held}\t{notes}")


async def user_remove(opened: Opened, options: Options) -> None:
    """Nobody logs in by this name any more."""
    await opened.metadata.users.remove(options.name)


async def user_disable(opened: Opened, options: Options) -> None:
    """Refuse it."""
    await opened.metadata.users.set_disabled(options.name, True)


async def user_enable(opened: Opened, options: Options) -> None:
    """Let it in again."""
    await opened.metadata.users.set_disabled(options.name, False)


async def user_passwd(opened: Opened, options: Options) -> None:
    """Another password."""
    await _login(opened, options.name)
    await opened.metadata.users.set_password(options.name, zeroinput.password(options))


async def user_key(opened: Opened, options: Options) -> None:
    """Add public keys, or take all away."""
    login = await _login(opened, options.name)
    kept = [] if options.clear else list(login.keys)
    lines = [*kept, *(line for line in zeroinput.keys(options.name, options.file) if line not in kept)]
    await opened.metadata.users.set_keys(options.name, lines)
    say(f"{options.name} has {len(lines)} keys")


async def user_quota(opened: Opened, options: Options) -> None:
    """What the account of a login may hold."""
    account = await _account(opened, await _login(opened, options.name))
    await opened.metadata.users.set_quota(account.name, options.size)


async def user_drop(opened: Opened, options: Options) -> None:
    """Remove an account that holds nothing."""
    await opened.metadata.users.remove_account(options.account)


async def _login(opened: Opened, name: str) -> Login:
    login = await opened.metadata.users.login(name)
    if login is None:
        raise NotFound(f"nobody has the name {name}")
    return login


async def _account(opened: Opened, login: Login) -> Account:
    accounts = await opened.metadata.users.accounts()
    return next(account for account in accounts if account.id == login.account)


async def shard_list(opened: Opened, options: Options) -> None:
    """Number, state, room and address."""
    for row in await opened.metadata.shards():
        room = "not asked"
        if row.id in opened.shards and row.state != State.GONE.value:
            try:
                capacity = await opened.shards[row.id].shard.capacity()
                room = f"{capacity.free_bytes} of {capacity.total_bytes} bytes free"
            except StorageError as error:
                room = str(error)
        say(f"{row.id}\t{row.state}\t{row.url}\t{row.group or '-'}\t{room}")


async def shard_state(opened: Opened, options: Options) -> None:
    """Use a shard in another way from now on."""
    for row in await opened.metadata.shards():
        if row.id == options.number:
            await opened.metadata.set_shards([replace(row, state=options.state)])
            say(f"shard {row.id} is {options.state}; gateways know within their sweep_every")
            return
    raise NotFound(f"there is no shard {options.number}")


async def shard_address(opened: Opened, options: Options) -> None:
    """Say that a shard is found elsewhere from now on."""
    rows = {row.id: row for row in await opened.metadata.shards()}
    url, group = address(options.url)
    if options.number not in rows:
        raise NotFound(f"there is no shard {options.number}")
    for row in rows.values():
        if row.url == url:
            raise AlreadyExists(f"that is shard {row.id}")
    shard = opened.configured(url)
    if shard is None:
        raise InvalidRequest("put that address into shards of [zerostor] first")
    try:
        if not await opened.scrubber.recognises(options.number, shard):
            raise InvalidRequest(f"there is nothing of what shard {options.number} has")
    finally:
        await shard.close()
    await opened.metadata.set_shards([replace(rows[options.number], url=url, group=group)])
    say(f"shard {options.number} is {url}; gateways know within their sweep_every")


async def stats(opened: Opened, options: Options) -> None:
    """What is stored."""
    found = await opened.metadata.dumping.statistics()
    for name, value in {**found, **await opened.metadata.dumping.layouts()}.items():
        say(f"{name}\t{value}")
    try:
        say(f"room\t{await opened.chunks.capacity()}")
    except StorageError as error:
        say(f"room\t{error}")


async def fsck(opened: Opened, options: Options) -> int:
    """Look at everything, change nothing."""
    findings = await opened.metadata.check()
    for rule, what in findings:
        say(f"not so\t{rule}: {what}")
    with _shown(await opened.metadata.dumping.statistics()) as told:
        report = await opened.scrubber.scrub(mend=False, told=told)
    status = _told(report)
    return zeroinput.FAILED if findings else status


async def scrub(opened: Opened, options: Options) -> int:
    """Look at everything, mend what is damaged, remove what nobody names."""
    with _shown(await opened.metadata.dumping.statistics()) as told:
        report = await opened.scrubber.scrub(mend=True, age=options.hours * 3600, told=told)
    return _told(report)


@contextmanager
def _shown(totals: Mapping[str, int] = MappingProxyType({})) -> Iterator[Told]:
    """
    What shows on a terminal how far the work within has come.

    :param totals: how many there are of what is told of, as far as that is known.
    """
    bar = Bar(sys.stderr)

    def told(what: str, count: int) -> None:
        if what in totals:
            bar.show(count, totals[what], what)
        else:
            bar.say(f"{count} {what}")

    try:
        yield told
    finally:
        bar.clear()


def _told(report: Report) -> int:
    for name, value in asdict(report).items():
        say(f"{name}\t{', '.join(map(str, value)) or '-' if isinstance(value, tuple) else value}")
    return 0 if report.clean else zeroinput.FAILED


async def repair(opened: Opened, options: Options) -> None:
    """Bury, sweep, mend and move all that is to be, now."""
    sweeper = opened.sweeper
    leaving = {number for number, info in opened.shards.items() if info.state in (State.DRAIN, State.GONE)}
    say(f"counted anew\t{await opened.metadata.mend_usage()}")
    for word, work in (("buried", sweeper.bury), ("deleted", sweeper.empty), ("mended", sweeper.mend_degraded)):
        with _shown(await opened.metadata.dumping.statistics()) as sweeper.told:
            count = await work()
        say(f"{word}\t{count}")
    with _shown(await opened.metadata.dumping.statistics()) as sweeper.told:
        count = await sweeper.move(leaving) if leaving else 0
    say(f"moved\t{count}")


async def rekey(opened: Opened, options: Options) -> None:
    """Encrypt all keys of accounts with the first master key of the file."""
    say(f"{await opened.keyring.rewrap()} keys are encrypted with the new master key, the first in its file")


async def export(opened: Opened, options: Options) -> None:
    """Write all of the database."""
    with _shown() as told:
        count = await opened.metadata.dumping.write(options.file, told)
    say(f"{count} rows written to {options.file}")


async def load(opened: Opened, options: Options) -> None:
    """Fill an empty database."""
    with _shown() as told:
        count = await opened.metadata.dumping.read(options.file, told)
    say(f"{count} rows read from {options.file}")
