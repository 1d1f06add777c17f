"""Rules of `swftp.entries`."""

import dataclasses

from twisted.trial.unittest import SynchronousTestCase

from swftp.entries import Attributes, Entry, Kind, Page


class EntryTests(SynchronousTestCase):
    """What a store says of a file is a value."""

    def test_value(self) -> None:
        """Two entries that say the same are the same, whatever only the driver knows of them."""
        one = Entry(name="a", kind=Kind.FILE, size=1, version="v", detail={"x": "1"})
        self.assertEqual(one, Entry(name="a", kind=Kind.FILE, size=1, version="v"))
        self.assertNotEqual(one, dataclasses.replace(one, version="w"))

    def test_frozen(self) -> None:
        """Nobody changes an entry that others hold."""
        entry = Entry(name="a", kind=Kind.FILE)
        self.assertRaises(dataclasses.FrozenInstanceError, setattr, entry, "size", 2)

    def test_details_are_not_shared(self) -> None:
        """Entries made without details do not share a mapping."""
        self.assertIsNot(Entry(name="a", kind=Kind.FILE).detail, Entry(name="b", kind=Kind.FILE).detail)

    def test_last_page(self) -> None:
        """A page says by ``after`` whether it was the last."""
        self.assertIsNone(Page((), None).after)

    def test_attributes_set_nothing_by_default(self) -> None:
        """Attributes nobody gave leave the file as it is."""
        self.assertEqual(set(dataclasses.astuple(Attributes())), {None})
