"""
How late the reactor is, by the gateway's own ``gw_reactor_lag_seconds``, under the loads of two other bars (bar A25).

One client that puts and gets one large file over SSH and over TLS; then 50 uploads against a store that takes 1 MB/s
of each.  Bars: <= 50 ms in 99 of 100 looks, <= 500 ms in all of them.
"""

import io
import ssl
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance import rig
from tests.acceptance.memory import MANY, MB, put, together
from tests.functional.both import BothGateway
from tests.functional.clients import Login, Speaker
from tests.functional.faults import FaultProxy
from tests.functional.ftp import Reusing, certificate, tls_context
from tests.functional.processes import free_port
from tests.functional.swift import PASSWORD, USER

MIB = 1 << 20


def looks(port: int) -> dict[float, float]:
    """Looks that found at most so many seconds."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        families = text_string_to_metric_families(page.read().decode())
        samples = [
            sample for family in families if family.name == "gw_reactor_lag_seconds" for sample in family.samples
        ]
    return {float(sample.labels["le"]): sample.value for sample in samples if sample.name.endswith("_bucket")}


def judge(bars: rig.Bars, name: str, before: dict[float, float], after: dict[float, float]) -> None:
    """Of the looks since *before*."""
    found = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    total = found[float("inf")]
    print(f"      {name}: {total:.0f} looks; " + ", ".join(f"{1000 * b:g} ms {n:.0f}" for b, n in found.items()))
    p99 = min(bound for bound, count in found.items() if count >= 0.99 * total)
    bars.at_most(f"{name}: 99 of 100 looks", 1000 * p99, 50, "ms")
    bars.at_most(f"{name}: all of them", 1000 * min(b for b, count in found.items() if count >= total), 500, "ms")


def one_client(house: rig.House, gateway: BothGateway, seconds: float, size: int) -> None:
    """Large files, up and down, by both protocols in turns."""
    data, until = bytes(size), time.monotonic() + seconds
    files = Reusing(context=tls_context(ssl.TLSVersion.TLSv1_2))
    files.connect("127.0.0.1", gateway.ftp_port, 60)
    files.login(USER, PASSWORD)
    files.prot_p()
    login = Login(gateway.port)
    while time.monotonic() < until:
        login.put_bytes(f"/{rig.CONTAINER}/large", data)
        login.get_bytes(f"/{rig.CONTAINER}/large")
        files.storbinary(f"STOR /{rig.CONTAINER}/secured", io.BytesIO(data), 1 << 18)
        files.retrbinary(f"RETR /{rig.CONTAINER}/secured", lambda piece: None, 1 << 18)


def many_slow(gateway: BothGateway, uploads: int, size: int) -> list[BaseException]:
    """Uploads that the store holds up; what failed."""
    return together(lambda number: put(Speaker(gateway.port), f"slow-{number}", size), range(uploads))


def main() -> None:
    given = rig.options(__doc__, seconds=60.0, mebibytes=64, uploads=50, megabytes=20)
    house, bars = rig.House(), rig.Bars()
    house.gateway.stop()
    proxy = FaultProxy(house.swift.url)
    proxy.rate = 1.0 * MB
    for name, url in (("one client", house.swift.url), (f"{given.uploads} slow uploads", proxy.url)):
        port = free_port()
        gateway = BothGateway(url, {**MANY, "web.port": port, "ftp.certificate": certificate()})
        time.sleep(3)
        before = looks(port)
        if url == proxy.url:
            failures = many_slow(gateway, given.uploads, given.megabytes * MB)
            bars.at_most(f"{name}: errors", len(failures), 0)
        else:
            one_client(house, gateway, given.seconds, given.mebibytes * MIB)
        judge(bars, name, before, looks(port))
        gateway.stop()
    proxy.close()
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
