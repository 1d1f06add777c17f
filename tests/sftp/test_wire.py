"""Packets to values and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import Malformed
from swftp.outcomes import Status
from swftp.sftp import wire
from swftp.sftp.wire import Attrs, Cursor, Layout, Packet

uint32 = st.integers(0, 2**32 - 1)
pairs = st.none() | st.tuples(uint32, uint32)


@st.composite
def attributes(draw: st.DrawFn) -> Attrs:
    """Any ATTRS that can be said."""
    ids, times = draw(pairs) or (None, None), draw(pairs) or (None, None)
    size = draw(st.none() | st.integers(0, 2**64 - 1))
    permissions = draw(st.none() | uint32)
    return Attrs(size=size, uid=ids[0], gid=ids[1], permissions=permissions, atime=times[0], mtime=times[1])


class AttrsTests(SynchronousTestCase):
    """ATTRS, section 5."""

    @given(attributes())
    def test_round_trip(self, value: Attrs) -> None:
        """What is packed parses to the same, to the last byte."""
        cursor = Cursor(wire.attrs(value))
        self.assertEqual(cursor.attrs(), value)
        self.assertEqual(cursor.left, 0)

    def test_extended_pairs(self) -> None:
        """Extended pairs are passed over, and what follows them is found."""
        packed = wire.U32.pack(wire.ATTR_EXTENDED) + wire.U32.pack(2)
        packed += b"".join(map(wire.string, (b"a@b", b"", b"c@d", b"xyz")))
        cursor = Cursor(packed + b"!")
        self.assertEqual(cursor.attrs(), Attrs())
        self.assertEqual(cursor.take(1), b"!")

    def test_absurd_pair_count(self) -> None:
        """A count of pairs that cannot fit is refused at once."""
        packed = wire.U32.pack(wire.ATTR_EXTENDED) + wire.U32.pack(0xFFFFFFFF) + b"\0" * 64
        self.assertRaises(Malformed, Cursor(packed).attrs)

    def test_unknown_flags(self) -> None:
        """A flag of another version makes the rest unreadable."""
        self.assertRaises(Malformed, Cursor(wire.U32.pack(0x10) + b"\0" * 8).attrs)


class LayoutTests(SynchronousTestCase):
    """Requests parse to their last byte or not at all."""

    layout = Layout((wire.STRING, wire.UINT64, wire.UINT32))

    @given(st.binary(max_size=64), st.integers(0, 2**64 - 1), uint32)
    def test_fields(self, raw: bytes, big: int, small: int) -> None:
        """Fields come out as they went in."""
        packed = wire.string(raw) + wire.U64.pack(big) + wire.U32.pack(small)
        self.assertEqual(self.layout.parse(Cursor(packed)), (raw, big, small))

    @given(st.binary(max_size=40))
    def test_anything(self, raw: bytes) -> None:
        """Any bytes parse, or are `Malformed`: no other error, no reading beyond the end."""
        try:
            parsed = self.layout.parse(Cursor(raw))
        except Malformed:
            return
        self.assertEqual(wire.string(parsed[0]) + wire.U64.pack(parsed[1]) + wire.U32.pack(parsed[2]), raw)

    def test_trailing_bytes(self) -> None:
        """What is left over is an error, but where we know who sends it."""
        self.assertRaises(Malformed, Layout((wire.STRING,)).parse, Cursor(wire.string(b"a") + b"x"))
        self.assertEqual(Layout((wire.STRING,), lenient=True).parse(Cursor(wire.string(b"a") + b"x")), (b"a",))


class RepliesTests(SynchronousTestCase):
    """Replies as the draft lays them out."""

    def test_status(self) -> None:
        """Code, message, language tag; the length counts all but itself."""
        packed = wire.status(7, Status.FAILURE, "größe")
        self.assertEqual(wire.U32.unpack_from(packed)[0], len(packed) - 4)
        cursor = Cursor(packed, 4)
        self.assertEqual((cursor.take(1)[0], cursor.uint32(), cursor.uint32()), (Packet.STATUS, 7, Status.FAILURE))
        self.assertEqual((cursor.string(), cursor.string(), cursor.left), ("größe".encode(), b"", 0))

    def test_status_without_message(self) -> None:
        """The short form has the same layout."""
        cursor = Cursor(wire.status(7, Status.OK), 4)
        self.assertEqual((cursor.take(1)[0], cursor.uint32(), cursor.uint32()), (Packet.STATUS, 7, Status.OK))
        self.assertEqual((cursor.string(), cursor.string(), cursor.left), (b"", b"", 0))

    def test_data(self) -> None:
        """Head and data make one packet."""
        packed = wire.data_head(9, 3) + b"abc"
        cursor = Cursor(packed)
        self.assertEqual((cursor.uint32(), cursor.take(1)[0], cursor.uint32()), (len(packed) - 4, Packet.DATA, 9))
        self.assertEqual((cursor.string(), cursor.left), (b"abc", 0))

    def test_version(self) -> None:
        """Version 3 and pairs of strings."""
        cursor = Cursor(wire.version_packet([(b"a@b", b"1")]))
        cursor.take(5)
        self.assertEqual((cursor.uint32(), cursor.string(), cursor.string(), cursor.left), (3, b"a@b", b"1", 0))
