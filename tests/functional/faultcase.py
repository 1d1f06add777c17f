"""A gateway that reaches its Swift through a faulty proxy."""

from __future__ import annotations

from typing import ClassVar

from tests.functional.case import MIB, GatewayCase
from tests.functional.faults import FaultProxy
from tests.functional.gateway import Gateway
from tests.functional.swift import swift


class FaultCase(GatewayCase):
    """A gateway that reaches its Swift through a `FaultProxy`, both shared by the cases of one class."""

    proxy: ClassVar[FaultProxy]
    fault_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB}
    gateway_kind: ClassVar[type[Gateway]] = Gateway
    alone = False
    """Whether each test has a gateway of its own."""
    _pairs: ClassVar[dict[str, tuple[FaultProxy, Gateway]]] = {}

    def make_gateway(self) -> Gateway:
        """The gateway of this class, or of this test."""
        options = {"sessions_per_user": 0, **self.fault_options}
        key = self.gateway_kind.section + repr(sorted(options.items())) + (self.id() if self.alone else "")
        if key not in self._pairs:
            proxy = FaultProxy(swift().url)
            self._pairs[key] = proxy, self.gateway_kind(proxy.url, options)
        self.proxy, found = self._pairs[key]  # type: ignore[misc]
        self.proxy.clear()
        self.addCleanup(self.proxy.clear)
        if self.alone:
            self.addCleanup(found.kill)
            self.addCleanup(self.proxy.close)
        elif not found.child.alive:
            found.start()
        return found

    def upload(self, name: str, data: bytes) -> None:
        """An upload that must be stored."""
        client = self.login()
        client.put_bytes(self.path(name), data)
        self.assertStored(name, data)

    def refused_upload(self, name: str, data: bytes, before: bytes | None = b"old") -> OSError:
        """An upload that must fail at CLOSE, or before, and change nothing."""
        if before is not None:
            self.store.put(self.container, name, before)
        client = self.login()
        error = self.assertFails(client.put_bytes, self.path(name), data)
        self.assertStored(name, before)
        self.assertNotIn("secret page", str(error))
        return error
