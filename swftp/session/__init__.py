"""Everything that one login may do with files; both protocols hold one `Session`."""

from swftp.session.changes import Changes
from swftp.session.files import OpenMode, Reader, Writer
from swftp.session.known import Known
from swftp.session.limits import SessionLimits
from swftp.session.listing import Listing
from swftp.session.session import Session

__all__ = ["Changes", "Known", "Listing", "OpenMode", "Reader", "Session", "SessionLimits", "Writer"]
