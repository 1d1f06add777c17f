"""
CPU seconds of the server's process per GiB through SFTP, OpenSSH's client, aes128-gcm, a real Swift behind.

Bars: upload <= 0.42 and download <= 0.45 of `rclone serve sftp` on the same Swift; <= 1.0 and <= 0.95 of OpenSSH's
internal-sftp on tmpfs, which has neither HTTP nor MD5 to do.
"""

from tests.acceptance import rig


def main() -> None:
    given = rig.options(__doc__, rounds=3, sizes="256M,1G")
    house, bars = rig.House(), rig.Bars()
    for size in given.sizes.split(","):
        figures = house.compare((rig.OURS, rig.RCLONE, rig.SSHD), "big", given.rounds, size=size, cipher=rig.FAST)
        for way, to_rclone, to_sshd in (("upload", 0.42, 1.0), ("download", 0.45, 0.95)):
            ours, rclone, sshd = (
                rig.median(figures, name, way, "cpu_s_per_gib") for name in (rig.OURS, rig.RCLONE, rig.SSHD)
            )
            print(f"      {way} {size}: {ours:.2f} s/GiB; rclone {rclone:.2f}, sshd {sshd:.2f}")
            bars.at_most(f"{way} {size}, CPU to rclone's", ours / rclone, to_rclone)
            bars.at_most(f"{way} {size}, CPU to sshd's", ours / sshd, to_sshd)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
