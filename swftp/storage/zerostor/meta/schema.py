"""
The tables, as they are now; `migrations` makes them what this says.

A content never changes once it is live.  Its bytes are chunks, of which several contents may have parts: that is how
files are appended to, patched and copied without moving bytes.  What the foreign keys refuse (a chunk that is taken
up while it is thrown away, a file made in a directory that is removed) needs no lock.

The view `path` is for people who query: nothing here reads it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from swftp.entries import Kind

OPEN, LIVE, DEAD = range(3)
"""``content.state``: being put together and seen by nobody; of a file; of no file any more."""
KINDS = (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK)
"""``file.kind`` is an index of it."""
DIRECTORY = KINDS.index(Kind.DIRECTORY)
FILE = KINDS.index(Kind.FILE)
LINK = KINDS.index(Kind.SYMLINK)

metadata = MetaData()

BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")
"""Names in the order of their bytes: SQLite and CockroachDB have no other, PostgreSQL would ask the locale."""

account = Table(
    "account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", BYTEWISE, nullable=False, unique=True),
    Column("quota_bytes", BigInteger),
    Column("used_bytes", BigInteger, nullable=False),
    Column("used_files", BigInteger, nullable=False),
)

login = Table(
    "login",
    metadata,
    Column("name", BYTEWISE, primary_key=True),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("password", Text),
    Column("root", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("keys", Text, nullable=False),
)

account_key = Table(
    "account_key",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False, index=True),
    Column("wrapped", LargeBinary, nullable=False),
)

content = Table(
    "content",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
_NOT_LIVE = content.c.state != LIVE
Index("ix_content_not_live", content.c.changed_at, postgresql_where=_NOT_LIVE, sqlite_where=_NOT_LIVE)

file = Table(
    "file",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("parent_id", Uuid, ForeignKey("file.id", ondelete="RESTRICT")),
    Column("name", BYTEWISE, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("mode", Integer),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_id", Uuid, ForeignKey("content.id"), index=True),
    Column("md5", LargeBinary),
    Column("target", Text),
    UniqueConstraint("parent_id", "name", name="uq_file_parent_name"),
    CheckConstraint(f"kind = {DIRECTORY} OR parent_id IS NOT NULL", name="ck_file_root"),
)

chunk = Table(
    "chunk",
    metadata,
    Column("obj", LargeBinary, primary_key=True),
    Column("plain_len", Integer, nullable=False),
    Column("stored_len", Integer, nullable=False),
    Column("layout", Text, nullable=False),
    Column("key_id", BigInteger, nullable=False),
    Column("shards", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    Column("missing", SmallInteger, nullable=False),
)
_MISSING = chunk.c.missing > 0
Index("ix_chunk_missing", chunk.c.obj, postgresql_where=_MISSING, sqlite_where=_MISSING)

extent = Table(
    "extent",
    metadata,
    Column("content_id", Uuid, ForeignKey("content.id"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("obj", LargeBinary, ForeignKey("chunk.obj", ondelete="RESTRICT"), nullable=False, index=True),
    Column("skip", Integer, nullable=False),
    Column("length", Integer, nullable=False),
)

gateway = Table(
    "gateway",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
)

upload = Table(
    "upload",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("gateway_id", Uuid, ForeignKey("gateway.id", ondelete="RESTRICT"), nullable=False, index=True),
    Column("reserved_to", BigInteger, nullable=False),
)

garbage = Table(
    "garbage",
    metadata,
    Column("upload", LargeBinary, primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("shards", LargeBinary),
    Column("not_before", BigInteger, nullable=False, index=True),
)

shard = Table(
    "shard",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False),
    Column("grp", Text, nullable=False),
    Column("state", Text, nullable=False),
)

ticket = Table(
    "ticket",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("made_at", BigInteger, nullable=False, index=True),
)
"""One row a change that has no id of its own, so that a lost reply to COMMIT can be looked up."""

duty = Table(
    "duty",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("done_at", BigInteger, nullable=False),
)
"""What one gateway at a time does for all; see `duties`."""
