"""The data types of RFC 4251."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.wire import ProtocolError, Reader, mpint, names, string


class Writing(SynchronousTestCase):
    def test_mpint(self) -> None:
        """The examples of RFC 4251 section 5 that are not negative."""
        self.assertEqual(mpint(0), bytes(4))
        self.assertEqual(mpint(0x9A378F9B2E332A7), bytes.fromhex("0000000809a378f9b2e332a7"))
        self.assertEqual(mpint(0x80), bytes.fromhex("000000020080"))

    def test_name_list(self) -> None:
        """The examples of RFC 4251 section 5."""
        self.assertEqual(names([]), bytes(4))
        self.assertEqual(names([b"zlib", b"none"]), b"\0\0\0\x09zlib,none")


class Reading(SynchronousTestCase):
    def test_everything(self) -> None:
        """What was written is read, in order, to the end."""
        reader = Reader(b"\x07\x00\0\0\1\0" + string(b"abc") + names([b"a", b"b"]) + b"rest")
        self.assertEqual(
            (reader.byte(), reader.flag(), reader.u32(), reader.string(), reader.names(), reader.rest()),
            (7, False, 256, b"abc", [b"a", b"b"], b"rest"),
        )
        reader.end()

    def test_every_truncation(self) -> None:
        """A message that ends too early is a protocol error, wherever it ends."""
        whole = b"\x07\x01\0\0\1\0" + string(b"abc")
        for size in range(len(whole)):
            reader = Reader(whole[:size])
            with self.assertRaises(ProtocolError):
                reader.byte(), reader.flag(), reader.u32(), reader.string()

    def test_length_beyond_message(self) -> None:
        """A string that claims more than the message holds is a protocol error, not a short string."""
        self.assertRaises(ProtocolError, Reader(b"\xff\xff\xff\xffabc").string)
        self.assertRaises(ProtocolError, Reader(b"\0\0\0\4abc").string)

    def test_limit(self) -> None:
        """A string longer than its limit is refused although it is all there."""
        self.assertEqual(Reader(string(b"abcd")).string(4), b"abcd")
        self.assertRaises(ProtocolError, Reader(string(b"abcde")).string, 4)

    def test_left_over(self) -> None:
        """Bytes that no field accounts for are a protocol error."""
        reader = Reader(string(b"abc") + b"x")
        reader.string()
        self.assertRaises(ProtocolError, reader.end)
