"""
OPEN and first READ of a file in a live session.

Bar: <= 2 times the time to first byte of Swift itself.
"""

from tests.acceptance import rig


def main() -> None:
    given = rig.options(__doc__, rounds=5)
    house, bars = rig.House(), rig.Bars()
    figures = house.compare((rig.OURS, rig.SWIFT), "ttfb", given.rounds)
    ours, swift = (rig.median(figures, name, "ttfb") for name in (rig.OURS, rig.SWIFT))
    print(f"      first byte: {ours:.1f} ms; Swift {swift:.1f} ms")
    bars.at_most("first byte to Swift's", ours / swift, 2.0)
    house.close()
    bars.finish()


if __name__ == "__main__":
    main()
