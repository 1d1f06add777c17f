"""What a gateway tells of itself over HTTP: a status page, metrics, and whether it is well."""

from __future__ import annotations

from swftp.web.front import Front, is_local
from swftp.web.pages import Answers, pages, statistics
from swftp.web.site import site

__all__ = ["Answers", "Front", "is_local", "pages", "site", "statistics"]
