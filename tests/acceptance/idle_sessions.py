"""
1,000 SFTP sessions that have logged in and wait, then 1,000 of FTPS (bars A1 and A2).

Bars: <= 96 and 160 MiB over the empty server; none is lost; when they are gone, <= 16 MiB and no descriptor are left.
"""

import logging
import time

from swftp.services import CALM
from tests.acceptance import rig
from tests.acceptance.ftp_idle import sessions
from tests.acceptance.ftp_rig import FtpHouse
from tests.functional.clients import Login
from tests.functional.gateway import Gateway
from tests.functional.processes import eventually

MIB = 1 << 20


def held(gateway: Gateway, before: int) -> float:
    """MiB of the server's memory over what it was."""
    return (gateway.child.memory() - before) / MIB


def gone(bars: rig.Bars, name: str, gateway: Gateway, before: int, descriptors: int) -> None:
    """What is left when all have left."""
    eventually(lambda: gateway.child.descriptors() <= descriptors, 30, 0.5)
    time.sleep(CALM + 2)
    bars.at_most(f"{name}: left of memory", held(gateway, before), 16, "MiB")
    bars.at_most(f"{name}: left of descriptors", gateway.child.descriptors() - descriptors, 0)


def sftp(bars: rig.Bars, count: int) -> None:
    house = rig.House({"limits.total": 0})
    gateway = house.gateway
    for client in [Login(gateway.port) for _ in range(20)]:
        client.close()
    time.sleep(2)
    before, descriptors = gateway.child.memory(), gateway.child.descriptors()
    clients = [Login(gateway.port) for _ in range(count)]
    time.sleep(5)
    bars.at_most(f"{count} SFTP sessions", held(gateway, before), 96, "MiB")
    lost = sum(not client.ssh.is_active() for client in clients)
    clients[0].stat("/"), clients[-1].stat("/")
    bars.at_most("SFTP: lost", lost, 0)
    for client in clients:
        client.wire.close()
    gone(bars, "SFTP", gateway, before, descriptors)
    gateway.stop()
    house.close()


def ftps(bars: rig.Bars, count: int) -> None:
    house = FtpHouse({"session_timeout": 0})
    gateway = house.gateway
    for client in sessions(house, 20, secure=True):
        client.close()
    time.sleep(2)
    before, descriptors = gateway.child.memory(), gateway.child.descriptors()
    clients = sessions(house, count, secure=True)
    time.sleep(5)
    bars.at_most(f"{count} FTPS sessions", held(gateway, before), 160, "MiB")
    clients[0].pwd(), clients[-1].pwd()
    for client in clients:
        client.close()
    gone(bars, "FTPS", gateway, before, descriptors)
    gateway.stop()
    house.close()


def main() -> None:
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it tells of each connection that ends
    given = rig.options(__doc__, sessions=1000)
    bars = rig.Bars()
    sftp(bars, given.sessions)
    ftps(bars, given.sessions)
    bars.finish()


if __name__ == "__main__":
    main()
