"""Everything that one login may do with files; both protocols hold one `Session`."""

from swftp.session.changes import Changes
from swftp.session.client import Client
from swftp.session.files import OpenMode, Reader, Writer
from swftp.session.known import Known
from swftp.session.limits import SessionLimits
from swftp.session.listing import Listing, Listings
from swftp.session.rights import EVERYTHING, READ_ONLY, Permission, Permissions, RestrictedSession
from swftp.session.session import Session
from swftp.session.watched import Moving, Watched, WatchedRestricted

__all__ = [
    "EVERYTHING",
    "READ_ONLY",
    "Changes",
    "Client",
    "Known",
    "Listing",
    "Listings",
    "Moving",
    "OpenMode",
    "Permission",
    "Permissions",
    "Reader",
    "RestrictedSession",
    "Session",
    "SessionLimits",
    "Watched",
    "WatchedRestricted",
    "Writer",
]
