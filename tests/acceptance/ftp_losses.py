"""
FTP clients that are lost at a random moment of random uploads, 0 bytes to 30 MiB: RST, FIN of control, ABOR, TLS cut.

Bar: of 300, in the clear and over TLS, each leaves the old or the new content; none is told 226 unless all of it is
stored; no segment is left.
"""

import os
import random
import sys

from tests.acceptance import rig


def main() -> None:
    given = rig.options(__doc__, runs=300, seed=random.SystemRandom().randrange(1, 1 << 30))
    print(f"seed {given.seed}", flush=True)
    os.environ.update(SWFTP_LOST_RUNS=str(given.runs // 2), SWFTP_LOST_SEED=str(given.seed))
    from twisted.scripts import trial

    sys.argv = ["trial", "--reporter=verbose", "tests.functional.test_ftp_lost"]
    trial.run()


if __name__ == "__main__":
    main()
