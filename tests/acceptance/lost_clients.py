"""
Clients that vanish and gateways that are killed at a random moment of random uploads, 0 bytes to 70 MiB.

Bar: of all uploads each leaves the old or the new content, never reported OK unless stored; no segments of lost
clients stay; none of a killed gateway's is seen.
"""

import os
import random
import sys

from tests.acceptance import rig


def main() -> None:
    given = rig.options(__doc__, runs=100, seed=random.SystemRandom().randrange(1, 1 << 30))
    print(f"seed {given.seed}", flush=True)
    os.environ.update(SWFTP_LOST_RUNS=str(given.runs), SWFTP_LOST_SEED=str(given.seed))
    from twisted.scripts import trial

    sys.argv = ["trial", "--reporter=verbose", "tests.functional.test_lost"]
    trial.run()


if __name__ == "__main__":
    main()
