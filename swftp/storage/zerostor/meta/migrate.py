"""Bringing a database to this version's schema, and refusing one that is not."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from swftp.errors import Unavailable, Unsupported
from swftp.storage.zerostor.meta.engine import WRITES
from swftp.storage.zerostor.meta.failures import reason

STEPS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine) -> None:
    """
    Carry out the steps that are missing, all of them in an empty database.  Blocks.

    CockroachDB changes a schema outside of transactions: there every statement stands by itself, and a step that
    broke off is carried out again.

    :raises Unavailable: the database is not there, or says no.
    :raises Unsupported: its schema is that of a later version.
    """
    cockroach = engine.dialect.name == "cockroachdb"
    options = {"isolation_level": "AUTOCOMMIT"} if cockroach else {WRITES: True}
    config = _config()
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise Unavailable(f"the metadata database cannot be set up: {reason(error)}") from error
    except CommandError as error:
        raise Unsupported(f"the database's schema is none that this version knows: {error}") from error


def newest() -> str | None:
    """The schema of this version."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def check(connection: Connection) -> None:
    """
    Go on only with a database whose schema is that of this version.

    :raises Unsupported: it has another.
    """
    found = MigrationContext.configure(connection).get_current_revision()
    if found != newest():
        raise Unsupported(
            f"the database's schema is {found or 'missing'}, this version needs {newest()}; "
            "swftp zerostor init brings it there"
        )
