"""
200 FTP sessions that have logged in and wait, then 200 over TLS.

Bar: <= 30 KiB of the server's memory each.
"""

import ftplib
import time

from tests.acceptance import rig
from tests.acceptance.ftp_rig import FtpHouse
from tests.functional.ftp import tls_context
from tests.functional.swift import PASSWORD, USER


def sessions(house: FtpHouse, count: int, *, secure: bool) -> list[ftplib.FTP]:
    """So many, logged in."""
    context = tls_context()
    found = []
    for _ in range(count):
        client = ftplib.FTP_TLS(context=context) if secure else ftplib.FTP()
        client.connect("127.0.0.1", house.gateway.port, 30)
        client.login(USER, PASSWORD)
        found.append(client)
    return found


def main() -> None:
    given = rig.options(__doc__, sessions=200)
    house, bars = FtpHouse({"session_timeout": 0}), rig.Bars()
    for client in sessions(house, 20, secure=False) + sessions(house, 20, secure=True):
        client.close()  # what the first ones cost, they cost once
    time.sleep(2)
    for secure in (False, True):
        before = house.gateway.child.memory()
        found = sessions(house, given.sessions, secure=secure)
        time.sleep(2)
        each = (house.gateway.child.memory() - before) / given.sessions / 1024
        bars.at_most(f"{given.sessions} idle sessions{' over TLS' if secure else ''}", each, 30, "KiB each")
        for client in found:
            client.close()
        time.sleep(2)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
