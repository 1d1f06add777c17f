"""
500 files of 4 KiB by one sftp batch: files a second up, down and deleted.

Bar: >= 0.9 of what Swift itself answers to one connection.
"""

from tests.acceptance import rig


def main() -> None:
    given = rig.options(__doc__, rounds=3, count=500)
    house, bars = rig.House(), rig.Bars()
    figures = house.compare((rig.OURS, rig.SWIFT), "small", given.rounds, count=given.count, cipher=rig.FAST)
    for way in ("upload", "download", "delete"):
        ours, swift = (rig.median(figures, name, f"small {way}") for name in (rig.OURS, rig.SWIFT))
        print(f"      {way}: {ours:.0f} files/s; Swift {swift:.0f}")
        bars.at_least(f"{way} to Swift's own", ours / swift, 0.9)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
