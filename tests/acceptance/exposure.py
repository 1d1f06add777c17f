"""
What ``systemd-analyze security`` says of the unit (bar A27).

Bars: an exposure of <= 2.0 of 10; it does not run as root, and finds the file system read-only.
"""

import re
import subprocess

from tests.acceptance import rig
from tests.functional.processes import ROOT

UNIT = ROOT / "etc/systemd/swftp.service"


def main() -> None:
    rig.options(__doc__)
    bars = rig.Bars()
    argv = [rig.tool("systemd-analyze"), "security", "--no-pager", "--offline=true", str(UNIT)]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    bars.at_most("exposure", float(found[1]) if found else 10.0, 2.0)
    lines = UNIT.read_text("utf-8").splitlines()
    missing = [line for line in ("DynamicUser=yes", "ProtectSystem=strict") if line not in lines]
    bars.at_most(f"of DynamicUser and ProtectSystem=strict missing {missing}", len(missing), 0)
    bars.finish()


if __name__ == "__main__":
    main()
