"""
Numbers of objects that were used.

The law: no object is written twice.  A second writer would replace fragments of the first, whose digests then lie; so
a number is used up by the first call that sends anything under it, however that ends.
"""

from __future__ import annotations

from collections import OrderedDict

from swftp.errors import InvalidRequest
from swftp.storage.zerostor.values import ObjectId

PAGE_BITS = 10
PAGES = 4096
"""Pages of 1,024 numbers that are remembered, those used last: four million objects, a few MB at most."""


class Once:
    """Of one process: another one has other uploads."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[bytes, int], int] = OrderedDict()

    def use(self, obj: ObjectId) -> None:
        """
        Take the number *obj*.

        :raises InvalidRequest: it was taken.
        """
        page = (obj.upload, obj.seq >> PAGE_BITS)
        bit = 1 << (obj.seq & ((1 << PAGE_BITS) - 1))
        used = self._pages.get(page, 0)
        if used & bit:
            raise InvalidRequest("an object is written once")
        self._pages[page] = used | bit
        self._pages.move_to_end(page)
        if len(self._pages) > PAGES:
            self._pages.popitem(last=False)
