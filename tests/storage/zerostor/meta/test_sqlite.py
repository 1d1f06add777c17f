"""All suites on SQLite."""

from __future__ import annotations

from tests.storage.zerostor.meta import everywhere

globals().update(everywhere.cases(module=__name__))
