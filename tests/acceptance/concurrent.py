"""
50 sessions at once, each uploads 8 MiB.

Bar: >= 1.8 times the MB/s of `rclone serve sftp`, and no error.
"""

from tests.acceptance import rig


def main() -> None:
    given = rig.options(__doc__, rounds=3, sessions=50, each="8M")
    house, bars = rig.House(), rig.Bars()
    figures = house.compare(
        (rig.OURS, rig.RCLONE), "conc", given.rounds, sessions=given.sessions, each=given.each, cipher=rig.FAST
    )
    ours, rclone = (rig.median(figures, name, "conc") for name in (rig.OURS, rig.RCLONE))
    failed = sum(f.get("errors", 0) for f in figures if f["server"] == rig.RCLONE)
    print(f"      {ours:.0f} MB/s; rclone {rclone:.0f}, with {failed} sessions refused or broken")
    bars.at_least("MB/s to rclone's", ours / rclone, 1.8)
    bars.at_most("errors", sum(f.get("errors", 0) for f in figures if f["server"] == rig.OURS), 0)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
