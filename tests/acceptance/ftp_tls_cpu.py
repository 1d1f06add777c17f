"""
CPU seconds of our process per GiB over explicit FTPS (AES-GCM, TLS 1.3) and in the clear, one file by curl, in turns.

Bar: <= 1.8 times, both ways.
"""

import random
import statistics
import subprocess
import time
from urllib.parse import quote

from tests.acceptance import rig
from tests.acceptance.ftp_rig import FtpHouse
from tests.functional.ftp import certificate
from tests.functional.swift import PASSWORD, USER

MIB = 1 << 20
TLS = ("--ssl-reqd", "--cacert", str(certificate()), "--tls13-ciphers", "TLS_AES_128_GCM_SHA256")


def main() -> None:
    given = rig.options(__doc__, rounds=3, mebibytes=1024)
    house, bars = FtpHouse(), rig.Bars()
    folder = rig.client_folder()
    folder.mkdir(exist_ok=True)
    source = folder / "source"
    source.write_bytes(random.Random(1).randbytes(16 * MIB) * (given.mebibytes // 16))
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(given.rounds):
        for name, options in (("plain", ()), ("tls", TLS)):
            login = f"{quote(USER, safe='')}:{PASSWORD}"  # a name with a colon has no place in -u
            url = f"ftp://{login}@127.0.0.1:{house.gateway.port}/{rig.CONTAINER}/{name}"
            for way, argument in (("up", ("-T", str(source))), ("down", ("-o", "/dev/null"))):
                before, start = house.gateway.child.cpu(), time.monotonic()
                subprocess.run(["curl", "-sS", *options, *argument, url], check=True)
                cpu, wall = house.gateway.child.cpu() - before, time.monotonic() - start
                found.setdefault((name, way), []).append(cpu * 1024 / given.mebibytes)
                print(f"      {name} {way}: {given.mebibytes * MIB / wall / 1e6:.0f} MB/s, {cpu:.2f} s", flush=True)
    for way in ("up", "down"):
        plain, tls = (statistics.median(found[name, way]) for name in ("plain", "tls"))
        print(f"      {way}: {plain:.2f} CPU s/GiB in the clear, {tls:.2f} over TLS")
        bars.at_most(f"{way}, CPU over TLS to plain", tls / plain, 1.8)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
