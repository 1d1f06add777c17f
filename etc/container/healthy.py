"""
Ends with 0 when the gateway of this container answers at its control socket: its reactor turns.

Needs nothing but Python, and costs the gateway neither a connection nor a login.
"""

import os
import socket
import sys
from pathlib import Path

for path in Path(os.environ["STATE_DIRECTORY"]).glob("control.*"):
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(4)
        try:
            wire.connect(str(path))
            wire.sendall(b"sessions\n")
            if wire.recv(1) == b"{":
                sys.exit(0)
        except OSError:
            continue
sys.exit(1)
