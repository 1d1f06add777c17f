"""OpenStack Swift as a store."""

from swftp.storage.swift.client import Policy, SwiftClient
from swftp.storage.swift.connections import Connections
from swftp.storage.swift.driver import SwiftStorage
from swftp.storage.swift.features import open_storage
from swftp.storage.swift.limits import Limits, discover
from swftp.storage.swift.options import Options

__all__ = [
    "Connections",
    "Limits",
    "Options",
    "Policy",
    "SwiftClient",
    "SwiftStorage",
    "discover",
    "open_storage",
]
