"""
twistd on a machine whose wall clock is moved while it runs, by as many seconds as a file says.

    python -P moved.py FILE ARGUMENTS OF TWISTD
"""

import sys
import time
from pathlib import Path


def main() -> None:
    """Move the clock before Twisted looks at it."""
    file, real = Path(sys.argv.pop(1)), time.time
    time.time = lambda: real() + float(file.read_text() or 0)
    from twisted.scripts.twistd import run

    run()


if __name__ == "__main__":
    main()
