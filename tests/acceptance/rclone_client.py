"""
rclone as the client: one file by four streams, and many small ones.

Bars: 256 MiB down with --multi-thread-streams 4 at >= 100 MB/s; 500 files of 4 KiB up at >= 0.8 of Swift's rate
to four connections.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.acceptance import rig
from tests.functional.swift import PASSWORD, USER


def copy(house: rig.House, *arguments: str) -> float:
    """Seconds of one ``rclone copy``."""
    rclone = rig.tool("rclone")
    secret = subprocess.run([rclone, "obscure", PASSWORD], check=True, capture_output=True, text=True).stdout.strip()
    remote = (
        f":sftp,host=127.0.0.1,port={house.gateway.port},user='{USER}',pass={secret},shell_type=none,"
        f"md5sum_command=none,sha1sum_command=none:/{rig.CONTAINER}/"
    )
    start = time.monotonic()
    subprocess.run(
        [rclone, "--config", "/dev/null", "copy", *(a.replace("REMOTE:", remote) for a in arguments)], check=True
    )
    return time.monotonic() - start


def main() -> None:
    given = rig.options(__doc__, rounds=3, size=256 << 20)
    house, bars = rig.House(), rig.Bars()
    folder = Path(rig.client_folder())
    (folder / "up").mkdir(parents=True)
    (folder / "up" / "big").write_bytes(os.urandom(given.size))
    copy(house, f"{folder}/up", "REMOTE:big")
    rates = []
    for number in range(given.rounds):
        back = folder / f"back{number}"
        seconds = copy(
            house, "--multi-thread-streams", "4", "--multi-thread-cutoff", "1M", "REMOTE:big/big", str(back)
        )
        assert (back / "big").read_bytes() == (folder / "up" / "big").read_bytes()
        shutil.rmtree(back)
        rates.append(given.size / seconds / 1e6)
    bars.at_least("256 MiB down by four streams", sorted(rates)[len(rates) // 2], 100, "MB/s")
    mine = house.compare((rig.OURS,), "small", given.rounds, client="rclone")
    floor = house.compare((rig.SWIFT,), "small4", given.rounds)
    ours, swift = rig.median(mine, rig.OURS, "small upload"), rig.median(floor, rig.SWIFT, "small upload")
    print(f"      small files: {ours:.0f} files/s; Swift {swift:.0f}")
    bars.at_least("500 small files up to Swift's rate", ours / swift, 0.8)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
