"""
What ssh-audit says of each policy (bar A15).

Bars: no failure with modern, and no warning but those of curve25519, which is not post-quantum; none with pq-only.
"""

import json
import subprocess

from tests.acceptance import rig
from tests.functional.gateway import Gateway


def notes(port: int, kind: str) -> set[str]:
    """Names of algorithms that ssh-audit has a *kind* of note for, and what it is."""
    argv = [rig.tool("ssh-audit"), "--json", "--skip-rate-test", "-p", str(port), "127.0.0.1"]
    told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    found = json.loads(told)
    return {
        f"{entry['algorithm']}: {note}"
        for part in ("kex", "key", "enc", "mac")
        for entry in found[part]
        for note in entry.get("notes", {}).get(kind, [])
    }


def main() -> None:
    rig.options(__doc__)
    bars = rig.Bars()
    for policy in ("modern", "pq-only", "compat"):
        gateway = Gateway("http://127.0.0.1:1/auth/v1.0", {"ssh.policy": policy})
        failures, warnings = notes(gateway.port, "fail"), notes(gateway.port, "warn")
        for note in sorted(failures | warnings):
            print(f"      {policy}: {note}")
        if policy != "compat":
            bars.at_most(f"{policy}: failures", len(failures), 0)
            known = [note for note in warnings if policy == "modern" and note.startswith("curve25519")]
            bars.at_most(f"{policy}: other warnings", len(warnings) - len(known), 0)
        gateway.stop()
    bars.finish()


if __name__ == "__main__":
    main()
