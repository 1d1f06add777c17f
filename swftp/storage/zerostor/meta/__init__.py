"""Names, journal and users of zerostor in a SQL database: SQLite, PostgreSQL or CockroachDB."""

from swftp.storage.zerostor.meta.journal import JournalOptions
from swftp.storage.zerostor.meta.metadata import Metadata, MetadataOptions, open_metadata
from swftp.storage.zerostor.meta.namespace import Namespace
from swftp.storage.zerostor.meta.values import UNSEEN, Node

__all__ = ["UNSEEN", "JournalOptions", "Metadata", "MetadataOptions", "Namespace", "Node", "open_metadata"]
