"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

PATH_VIEW = """
    WITH RECURSIVE walk(id, account_id, name) AS (
        SELECT id, account_id, name FROM file WHERE parent_id IS NULL
        UNION ALL
        SELECT file.id, file.account_id, walk.name || '/' || file.name
        FROM file JOIN walk ON file.parent_id = walk.id WHERE file.kind = 1
    )
    SELECT id, account_id, CASE WHEN name = '' THEN '/' ELSE name END AS name FROM walk
"""
"""The founding document's table `path`: every directory by its full name, for people who query."""


def upgrade() -> None:
    """Make everything that is not there yet."""
    _accounts()
    _files()
    _chunks()
    _journal()
    create = "CREATE VIEW IF NOT EXISTS" if op.get_context().dialect.name == "sqlite" else "CREATE OR REPLACE VIEW"
    op.execute(f"{create} path AS {PATH_VIEW}")


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", BYTEWISE, nullable=False, unique=True),
        sa.Column("quota_bytes", sa.BigInteger),
        sa.Column("used_bytes", sa.BigInteger, nullable=False),
        sa.Column("used_files", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "login",
        sa.Column("name", BYTEWISE, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("password", sa.Text),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("keys", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "account_key",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_account_key_account_id", "account_key", ["account_id"], if_not_exists=True)


def _files() -> None:
    op.create_table(
        "content",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    not_live = sa.text("state != 1")
    op.create_index(
        "ix_content_not_live",
        "content",
        ["changed_at"],
        if_not_exists=True,
        postgresql_where=not_live,
        sqlite_where=not_live,
    )
    op.create_table(
        "file",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("parent_id", sa.Uuid, sa.ForeignKey("file.id", ondelete="RESTRICT")),
        sa.Column("name", BYTEWISE, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("mode", sa.Integer),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("content_id", sa.Uuid, sa.ForeignKey("content.id")),
        sa.Column("md5", sa.LargeBinary),
        sa.Column("target", sa.Text),
        sa.UniqueConstraint("parent_id", "name", name="uq_file_parent_name"),
        sa.CheckConstraint("kind = 1 OR parent_id IS NOT NULL", name="ck_file_root"),
        if_not_exists=True,
    )
    op.create_index("ix_file_content_id", "file", ["content_id"], if_not_exists=True)


def _chunks() -> None:
    op.create_table(
        "chunk",
        sa.Column("obj", sa.LargeBinary, primary_key=True),
        sa.Column("plain_len", sa.Integer, nullable=False),
        sa.Column("stored_len", sa.Integer, nullable=False),
        sa.Column("layout", sa.Text, nullable=False),
        sa.Column("key_id", sa.BigInteger, nullable=False),
        sa.Column("shards", sa.LargeBinary, nullable=False),
        sa.Column("digests", sa.LargeBinary, nullable=False),
        sa.Column("missing", sa.SmallInteger, nullable=False),
        if_not_exists=True,
    )
    missing = sa.text("missing > 0")
    op.create_index(
        "ix_chunk_missing", "chunk", ["obj"], if_not_exists=True, postgresql_where=missing, sqlite_where=missing
    )
    op.create_table(
        "extent",
        sa.Column("content_id", sa.Uuid, sa.ForeignKey("content.id"), primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("obj", sa.LargeBinary, sa.ForeignKey("chunk.obj", ondelete="RESTRICT"), nullable=False),
        sa.Column("skip", sa.Integer, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_extent_obj", "extent", ["obj"], if_not_exists=True)
    op.create_table(
        "shard",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("grp", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        if_not_exists=True,
    )


def _journal() -> None:
    op.create_table(
        "gateway",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("gateway_id", sa.Uuid, sa.ForeignKey("gateway.id", ondelete="RESTRICT"), nullable=False),
        sa.Column("reserved_to", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_upload_gateway_id", "upload", ["gateway_id"], if_not_exists=True)
    op.create_table(
        "garbage",
        sa.Column("upload", sa.LargeBinary, primary_key=True),
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("shards", sa.LargeBinary),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_garbage_not_before", "garbage", ["not_before"], if_not_exists=True)
    op.create_table(
        "ticket",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_ticket_made_at", "ticket", ["made_at"], if_not_exists=True)
