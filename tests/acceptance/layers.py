"""
The SSH and SFTP layers alone, a sink and a source of nothing behind them, against stock Conch and OpenSSH's sshd.

Bars: <= 0.2 of stock Conch's CPU up, <= 0.3 down; >= 1.4 times sshd's MB/s both ways.  Ours and sshd speak AES-GCM,
stock Conch the best it has: AES-CTR with HMAC-SHA-256.
"""

import statistics
import sys
from argparse import Namespace
from collections import defaultdict
from typing import Any

from tests.acceptance import bare, rig
from tests.functional.gateway import host_key
from tests.functional.processes import Child, answers, free_port

SLOW = "aes128-ctr+hmac-sha2-256"


def start(kind: str, size: int) -> dict[str, Any]:
    """A bare server of *kind*, as the harness wants to know it."""
    port = free_port()
    argv = [sys.executable, "-m", "tests.acceptance.bare", kind, str(port), str(host_key()), str(size)]
    child = Child(f"bare-{kind}", argv)
    child.wait_for(lambda: answers(port, b"SSH-2.0-"))
    return {"name": kind, "port": port, "user": bare.USER, "password": bare.PASSWORD, "pids": [child.pid]}


def main() -> None:
    given = rig.options(__doc__, rounds=5, size=256 << 20)
    benchlib = rig.harness()
    import bench_sftp

    house, bars = rig.House(), rig.Bars()
    options = Namespace(tmp=str(rig.client_folder()), kex="", client="sftp")
    source, back = benchlib.random_file(options, given.size), rig.client_folder() / "back"
    sshd = house.target(rig.SSHD)
    names = {"ours": (bare.SINK, bare.SOURCE), "conch": (bare.SINK, bare.SOURCE), "sshd": (sshd["path"] + "/f",) * 2}
    targets = [benchlib.Target(**start("ours", given.size)), benchlib.Target(**start("conch", given.size))]
    targets.append(benchlib.Target(**sshd))
    cpu, speed = defaultdict(list), defaultdict(list)
    for number in range(given.rounds + 1):
        for target in targets:
            options.cipher = SLOW if target.name == "conch" else rig.FAST
            sink, origin = names[target.name]
            for way, line in (("up", f'put "{source}" "{sink}"\n'), ("down", f'get "{origin}" "{back}"\n')):
                with benchlib.Meter(target) as meter:
                    bench_sftp.sftp(target, options, line)
                if number:  # the first is to warm up
                    cpu[target.name, way].append(meter.cpu / given.size * (1 << 30))
                    speed[target.name, way].append(given.size / meter.wall / 1e6)
            if target.name == "ours":
                whole = bare.pattern() * (given.size // bare.BLOCK)
                bars.at_least("what came down is right", back.read_bytes() == whole, 1)
    for way, to_conch in (("up", 0.2), ("down", 0.3)):
        costs = {name: statistics.median(cpu[name, way]) for name in names}
        rates = {name: statistics.median(speed[name, way]) for name in names}
        print(
            f"      {way}: " + ", ".join(f"{name} {costs[name]:.2f} s/GiB {rates[name]:.0f} MB/s" for name in names)
        )
        bars.at_most(f"{way}, CPU to stock Conch's", costs["ours"] / costs["conch"], to_conch)
        bars.at_least(f"{way}, MB/s to sshd's", rates["ours"] / rates["sshd"], 1.4)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
