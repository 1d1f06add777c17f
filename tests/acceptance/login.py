"""
Logins one after another, ssh started until the VERSION packet; and what an idle session holds.

Bars: <= 1.0 of the time sshd takes; <= 30 KiB of memory an idle session.
"""

from tests.acceptance import rig

KEX = "curve25519-sha256,curve25519-sha256@libssh.org"


def main() -> None:
    given = rig.options(__doc__, rounds=5, logins=20, idle=200)
    house, bars = rig.House(), rig.Bars()
    figures = house.compare((rig.OURS, rig.SSHD), "login", given.rounds, logins=given.logins, kex=KEX)
    ours, sshd = (rig.median(figures, name, "login") for name in (rig.OURS, rig.SSHD))
    print(f"      login: {ours:.0f} ms; sshd {sshd:.0f} ms")
    bars.at_most("login to sshd's", ours / sshd, 1.0)
    house.gateway.stop()
    house.gateway.start()
    figures = house.compare((rig.OURS,), "idle", 1, idle=given.idle)
    bars.at_most("idle session", rig.median(figures, rig.OURS, "idle", "rss_mib_per_session") * 1024, 30, "KiB")
    bars.at_most("idle sessions refused", rig.median(figures, rig.OURS, "idle", "errors"), 0)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
