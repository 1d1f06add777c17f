"""
MB/s, and CPU seconds per GiB of the server's process, of one file by curl through plain FTP, a real Swift behind.

Bars: MB/s >= 0.55 up and >= 0.65 down of curl straight to Swift, >= 1.4 times `rclone serve ftp` both ways; CPU <=
0.55 of rclone's up (MD5 included) and <= 0.35 down.  ``--others`` measures pyftpdlib and vsftpd on tmpfs beside them.
"""

from tests.acceptance import rig
from tests.acceptance.ftp_rig import PYFTPDLIB, VSFTPD, FtpHouse


def main() -> None:
    given = rig.options(__doc__, rounds=3, sizes="256M,1G", others=0)
    house, bars = FtpHouse(), rig.Bars()
    servers = (rig.OURS, rig.RCLONE, rig.SWIFT)
    others = (PYFTPDLIB, VSFTPD) if given.others else ()
    for size in given.sizes.split(","):
        figures = house.compare((*servers, *others), "big", given.rounds, size=size)
        for way, to_swift, to_rclone in (("upload", 0.55, 0.55), ("download", 0.65, 0.35)):
            ours, rclone, swift = (rig.median(figures, name, way) for name in servers)
            print(f"      {way} {size}: {ours:.0f} MB/s; rclone {rclone:.0f}, curl to Swift {swift:.0f}")
            for name in others:
                cpu = rig.median(figures, name, way, "cpu_s_per_gib")
                print(
                    f"      {way} {size}: {name} on tmpfs {rig.median(figures, name, way):.0f} MB/s, {cpu:.2f} s/GiB"
                )
            bars.at_least(f"{way} {size} to curl's", ours / swift, to_swift)
            bars.at_least(f"{way} {size} to rclone's", ours / rclone, 1.4)
            ours, rclone = (rig.median(figures, name, way, "cpu_s_per_gib") for name in servers[:2])
            print(f"      {way} {size}: {ours:.2f} CPU s/GiB; rclone {rclone:.2f}")
            bars.at_most(f"{way} {size}, CPU to rclone's", ours / rclone, to_rclone)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
