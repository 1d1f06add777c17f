"""
MB/s of one stream against Swift, OpenSSH's client; client, gateway and Swift share the machine.

Bars: >= 1.5 times `rclone serve sftp` both ways; >= 0.5 up and >= 0.6 down of curl straight to Swift.
"""

from tests.acceptance import rig


def main() -> None:
    given = rig.options(__doc__, rounds=3, size="512M")
    house, bars = rig.House(), rig.Bars()
    servers = (rig.OURS, rig.RCLONE, rig.SWIFT)
    figures = house.compare(servers, "big", given.rounds, size=given.size, cipher=rig.FAST)
    for way, to_swift in (("upload", 0.5), ("download", 0.6)):
        ours, rclone, swift = (rig.median(figures, name, way) for name in servers)
        print(f"      {way}: {ours:.0f} MB/s; rclone {rclone:.0f}, curl to Swift {swift:.0f}")
        bars.at_least(f"{way} to rclone's", ours / rclone, 1.5)
        bars.at_least(f"{way} to curl's", ours / swift, to_swift)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
