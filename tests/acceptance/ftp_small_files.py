"""
500 files of 4 KiB in one FTP session (ftplib): files a second up, down and deleted.

Bar: >= 0.8 of what Swift itself answers to one connection.
"""

from tests.acceptance import rig
from tests.acceptance.ftp_rig import FtpHouse


def main() -> None:
    given = rig.options(__doc__, rounds=3, count=500)
    house, bars = FtpHouse(), rig.Bars()
    figures = house.compare((rig.OURS, rig.SWIFT), "small", given.rounds, count=given.count)
    for way in ("upload", "download", "delete"):
        ours, swift = (rig.median(figures, name, f"small {way}") for name in (rig.OURS, rig.SWIFT))
        print(f"      {way}: {ours:.0f} files/s; Swift {swift:.0f}")
        bars.at_least(f"{way} to Swift's own", ours / swift, 0.8)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
