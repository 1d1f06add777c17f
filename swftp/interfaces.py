"""
The seams of the house: what a store can do, and how bytes reach it and leave it.

An object store has no open, seek or close: those belong to files, and files belong to the session.  All
methods that are ``async def`` may raise any `swftp.errors.StorageError`; nothing else leaves a driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.interfaces import IConsumer
from twisted.web.iweb import IBodyProducer
from zope.interface import Attribute, Interface

from swftp.entries import UNKNOWN, UNSEEN, Attributes, Entry, Opened, Page, Pair, Usage
from swftp.paths import Path


class IByteSource(IBodyProducer):
    """
    Bytes on their way to one storage request: a body producer whose end is a verdict.

    The Deferred of ``startProducing`` fires after the last byte of a good end, and fails (with
    `swftp.errors.Interrupted` or another error) when the client went away: a source that failed
    never becomes an object.  ``length`` is the number of bytes, or ``UNKNOWN_LENGTH``.
    """

    digest: str | None = Attribute("""Hex MD5 of all bytes where it is known before the first, else None.""")
    hashes: bool = Attribute("""Whether `digest` will be known when it ends well.""")
    replayable: bool = Attribute("""Whether ``startProducing`` may be called again after an attempt failed.""")


class IByteSink(IConsumer):
    """What a download is pushed into.  ``registerProducer(producer, True)`` comes first, then `started`."""

    def started(entry: Entry) -> None:
        """The answer is there: *entry* says size and version; bytes follow."""


class IStorage(Interface):
    """What an object store can do with whole objects."""

    containers: bool = Attribute("""Whether only containers stand at the root, and links lead to files in them.""")

    async def stat(path: Path, follow: bool = True, implied: bool = True) -> Entry:
        """What stands at *path*; a file wins over a directory of the same name.

        :param follow: describe what a symbolic link points at, not the link.
        :param implied: also look for a directory that exists by its children alone, which may cost another
            request.  A writer of a new file passes False: it asks what it would replace.
        :raises NotFound: nothing does.
        """

    async def list(path: Path, after: str | None = None) -> Page:
        """
        One page of the directory *path*, no entry twice over all pages, the directory itself not among them.

        What no client could name (`swftp.paths.is_plain`) is left out: protocols send names as they are.

        :param after: ``Page.after`` of the page before.
        :raises NotFound: there is no such directory.
        :raises NotDirectory: it is a file.
        """

    async def fetch(
        path: Path,
        sink: IByteSink,
        offset: int = 0,
        length: int | None = None,
        version: str | None = None,
        opened: Opened | None = None,
    ) -> Entry:
        """
        Push *length* bytes (None: all) from *offset* into *sink*; returns when the last one was written.

        Honours pause, resume and stop of the producer it registers.  A body shorter than announced is an error.

        :param version: serve only this `Entry.version`.
        :param opened: the same for all calls of one reader; saves the driver requests.
        :raises Changed: the object is no longer that version.
        :raises NotFound: there is no such object.
        :raises IsDirectory: it is a directory.
        :raises InvalidRequest: *offset* lies beyond the end (at the end, nothing is written).
        """

    async def store(
        path: Path,
        source: IByteSource,
        attributes: Attributes,
        exclusive: bool = False,
        replaces: Entry | None = UNSEEN,
        onto: Entry | None = None,
    ) -> Entry:
        """
        Make *source* the whole content of *path*, replacing what was there.

        All or nothing: readers see the old content until this returns, and keep it if *source* or
        storage fails.  Length and checksum of what was stored are compared with what *source* gave.

        :param exclusive: fail with `AlreadyExists` where something stands at *path* (best effort).
        :param replaces: what `stat` with ``follow=False`` said of *path* not long ago (None: nothing is there);
            saves the driver a request.  `UNLIKELY`: the store finds out as it stores.
        :param onto: what *source* was made from: nothing else may have come to *path* since.  Exact where the store
            has transactions; where it has none, whoever calls has looked.
        :raises IsDirectory: a directory stands there (found where that costs no request of its own).
        :raises Changed: *replaces* is `UNLIKELY`, and a link is there; or not *onto* is.
        :raises QuotaExceeded: nothing was stored.
        :raises StateUnknown: storage did not confirm, and looking it up did not settle it.
        """

    async def copy(source: Path, target: Path, exclusive: bool = False) -> Entry:
        """Make *target* an independent copy of the file *source* without moving bytes through us."""

    async def rename(source: Path, target: Path, exclusive: bool = False, known: Pair = UNKNOWN) -> Entry:
        """
        Give the file or directory *source* the name *target*; *source* stays whole until *target* is.

        :param exclusive: fail with `AlreadyExists` where something stands at *target*; otherwise a file
            replaces a file, and a directory an empty directory.
        :param known: what `stat` with ``follow=False`` said of *source* a moment ago, and `UNLIKELY` where most
            likely nothing is at *target*; saves the driver requests.
        """

    async def remove(path: Path, seen: Entry | None = UNSEEN) -> None:
        """Remove a file or link, and whatever only it used.

        :param seen: what `stat` with ``follow=False`` said of *path* a moment ago; saves the driver a request.
        :raises IsDirectory: use `remove_directory`.
        """

    async def make_directory(path: Path) -> None:
        """
        :raises AlreadyExists: something stands there.
        :raises NotFound: its parent does not.
        """

    async def remove_directory(path: Path) -> None:
        """
        :raises NotEmpty: it has entries.
        :raises NotDirectory: it is a file.
        """

    async def update(path: Path, attributes: Attributes) -> Entry | None:
        """
        Set what is not None of *attributes* on the file or directory *path*, content untouched.

        :return: what stands at *path* now, where that is known without asking again.
        """


class IComposes(Interface):
    """
    A store that can put an object together from parts it already has.

    Parts are stored first and seen by nobody; `publish` makes them one object in one step.
    """

    part_limit: int = Attribute("""Largest part in bytes.""")
    digests: bool = Attribute("""Whether it compares the MD5 that the source of a part says.""")

    async def stage(path: Path, source: IByteSource) -> IPart:
        """Store *source* (known length, replayable) where `publish` to *path* can use it."""

    async def adopt(path: Path, entry: Entry) -> Sequence[IPart]:
        """
        The present content of *path* as parts, in order, without moving bytes through us.

        :raises Changed: it is no longer *entry*'s version.
        """

    async def copies(source: Path, entry: Entry, path: Path) -> Sequence[IPart]:
        """
        The present content of the file *source* as staged parts for *path*, copied by the store.

        :raises Changed: it is no longer *entry*'s version.
        """

    async def read_part(part: IPart, sink: IByteSink) -> None:
        """Push the bytes of *part* into *sink*, as `IStorage.fetch` does."""

    async def publish(
        path: Path,
        parts: Sequence[IPart],
        attributes: Attributes,
        exclusive: bool = False,
        replaces: Entry | None = UNSEEN,
        onto: Entry | None = None,
    ) -> Entry:
        """
        Make the concatenation of *parts* the content of *path*: all or nothing, as `IStorage.store`.

        What the replaced object alone used is removed afterwards.
        """

    async def discard(parts: Sequence[IPart]) -> None:
        """Remove staged parts that no `publish` used.  Never raises; the janitor finds what stays."""


class IPart(Interface):
    """Some stored bytes, or a range of them.  Immutable."""

    size: int = Attribute("""Bytes; never 0.""")

    def slice(offset: int, length: int) -> IPart:
        """The *length* bytes at *offset* of this part."""


class ILinks(Interface):
    """A store with symbolic links."""

    async def make_link(path: Path, target: Path) -> None:
        """Make *path* a symbolic link to *target*, which need not exist.

        :raises AlreadyExists: something stands at *path*.
        """


class IConfined(Interface):
    """A store that follows symbolic links itself, opened for one login."""

    def confine(root: Path) -> None:
        """Follow none that leads out of *root*, from now on."""


class IQuota(Interface):
    """A store that knows how full it is."""

    async def usage(path: Path) -> Usage:
        """What the account, and the container of *path* where it has a quota, hold and may hold."""


class ISubsystem(Interface):
    """
    What speaks over one SSH session channel (SFTP, scp).  The hot path: plain calls, bytes and offsets.

    A subsystem calls ``channel.credit(n)`` when *n* received bytes are dealt with; the client can send no more
    than it was given credit for.
    """

    def connected(channel: ISessionChannel) -> None:
        """The channel is open; called once, before anything else."""

    def received(pieces: Sequence[memoryview]) -> None:
        """The client sent *pieces*, one after the other, none of them empty.  They are immutable and may be kept."""

    def drained() -> None:
        """Output that was above `ISessionChannel.high_water` fell below it again."""

    def ended() -> None:
        """The client sent EOF: it will send no more.  Answer what is open, then ``finish``."""

    def lost() -> None:
        """The channel or connection is gone, however it went; called once, last.  Never commits anything."""


class IWaits(Interface):
    """A subsystem that can say whether it has work: such a session is not idle, however quiet its client is."""

    waiting: bool = Attribute("""Whether a request of the client's has yet to be answered.""")


class ISessionChannel(Interface):
    """One SSH session channel, as its subsystem sees it."""

    backlog: int = Attribute("""Bytes of output that wait for the client's window or its TCP connection.""")
    high_water: int = Attribute("""Produce no more while `backlog` is above this.""")
    client: bytes = Attribute("""The client's identification, as ``SSH-2.0-OpenSSH_9.2`` (RFC 4253 section 4.2).""")

    def put(*parts: bytes | memoryview) -> None:
        """Append to the output; all output of one reactor turn leaves together.  A no-op on a dead channel."""

    def hurry() -> None:
        """Let the output leave now: nothing that belongs to it will follow in this turn."""

    def credit(count: int) -> None:
        """*count* received bytes have been dealt with."""

    def error(text: bytes) -> None:
        """Append to the client's standard error (extended data 1, RFC 4254 section 5.2)."""

    def finish(status: int) -> None:
        """Send what is left of the output, ``exit-status``, EOF and CLOSE (RFC 4254 section 6.10)."""


ABANDONED = 499
"""Status of a request that nobody waits for any more, as web servers log it."""


class StoreWatch(Protocol):
    """
    Who wants to know how the store does; called once a request, never for its bytes.

    Methods and statuses are those of HTTP, or what they would be; of databases, ``READ`` and ``COMMIT``.
    """

    def asked(self) -> None:
        """A request was sent; `answered` follows."""

    def answered(self, method: str, status: int, seconds: float) -> None:
        """It was answered after *seconds* with *status*; 0: it was not."""

    def retried(self, status: int) -> None:
        """It will be sent again, for it was answered with *status*; 0: it was not."""


class Unwatched:
    """A `StoreWatch` that does not look."""

    def asked(self) -> None:
        """See `StoreWatch`."""

    def answered(self, method: str, status: int, seconds: float) -> None:
        """See `StoreWatch`."""

    def retried(self, status: int) -> None:
        """See `StoreWatch`."""


UNWATCHED: StoreWatch = Unwatched()


class IAccess(Interface):
    """The right of one login to talk to its store; shared by all sessions of one credential."""

    async def get() -> Access:
        """A token good for some time yet.

        :raises Unauthorized: the credential is refused.
        :raises Unavailable: the identity service does not answer.
        """

    async def renew(stale: Access) -> Access:
        """The store refused *stale* (HTTP 401): a fresh one, asked for once however many callers wait."""


class Access:
    """A token and where it is good."""

    __slots__ = ("expires", "names", "token", "url", "user")

    def __init__(
        self, token: str, url: str, expires: float | None, names: tuple[str, ...] = (), user: str = ""
    ) -> None:
        self.token = token
        self.url = url
        """Storage URL of the account, without trailing slash."""
        self.expires = expires
        """Seconds of the reactor's clock; None: unknown."""
        self.names = names
        """Whose it is, as the identity service spells that, with and without domain and project."""
        self.user = user
        """The same for all logins of one user into one project; "": the service does not say."""

    def __repr__(self) -> str:
        return "<Access>"
