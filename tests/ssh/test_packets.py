"""Openers and sealers of every cipher and MAC."""

from __future__ import annotations

import random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.algorithms import AEAD, KEY_BYTES, MACS, make_opener, make_sealer
from swftp.ssh.openers import PACKET_LIMIT, CtrOpener, DiscardOpener, PlainOpener
from swftp.ssh.sealers import PlainSealer, cut
from swftp.ssh.wire import U32, Msg, ProtocolError, Reader, Reason

SUITES = [(cipher, mac) for cipher in KEY_BYTES for mac in ((None,) if cipher in AEAD else MACS)]
KEY, IV, MAC_KEY = bytes(range(64)), bytes(range(100, 164)), bytes(range(64, 128))


def pair(cipher: bytes | None, mac: bytes | None = None, sequence: int = 0) -> tuple[Any, Any]:
    """A sealer and the opener that reads it."""
    if cipher is None:
        return PlainSealer(), PlainOpener()
    arguments = (cipher, mac, KEY, IV, MAC_KEY, sequence)
    return make_sealer(*arguments), make_opener(*arguments)


class Sink:
    """Collects packets, and reads a stream in pieces as a connection does."""

    def __init__(self, opener: Any) -> None:
        self.opener = opener
        self.packets: list[bytes] = []
        self.channel_data: list[bytes] = []
        self.runs: list[int] = []
        self.order: list[object] = []
        self.rest = b""

    def packet(self, packet: bytes) -> None:
        self.order.append("packet")
        self.packets.append(packet[1 : len(packet) - packet[0]])

    def data(self, packets: list[bytes]) -> None:
        self.runs.append(len(packets))
        self.order.append(len(packets))
        self.channel_data += [packet[1 : len(packet) - packet[0]] for packet in packets]

    def feed(self, data: bytes) -> None:
        data = self.rest + data
        self.rest = data[self.opener.open(self, memoryview(data), 0, len(data)) :]


class EverySuite(SynchronousTestCase):
    """What holds for each cipher and MAC."""

    def test_round_trip(self) -> None:
        """What is sealed is opened, whatever its size."""
        for cipher, mac in [(None, None), *SUITES]:
            sealer, opener = pair(cipher, mac)
            sink = Sink(opener)
            payloads = [
                bytes((Msg.IGNORE,)) + bytes(size) for size in (0, 1, 3, 4, 5, 7, 8, 11, 12, 15, 16, 17, 5000)
            ]
            sink.feed(b"".join(sealer.seal(payload) for payload in payloads))
            self.assertEqual(sink.packets, payloads, (cipher, mac))
            self.assertEqual(opener.sequence, sealer.sequence)

    def test_every_split(self) -> None:
        """Packets that arrive byte by byte, or cut anywhere, are the same packets."""
        for cipher, mac in [(None, None), *SUITES]:
            sealer, opener = pair(cipher, mac)
            payloads = [bytes((Msg.IGNORE, n)) * 20 for n in range(3)]
            stream = b"".join(sealer.seal(payload) for payload in payloads)
            sink = Sink(opener)
            for byte in stream:
                sink.feed(bytes((byte,)))
            self.assertEqual(sink.packets, payloads, (cipher, mac))

    def test_need(self) -> None:
        """``need`` never asks for more than the packet has, so nothing that is complete waits."""
        for cipher, mac in [(None, None), *SUITES]:
            sealer, opener = pair(cipher, mac)
            stream = sealer.seal(bytes((Msg.IGNORE,)) * 100)
            sink = Sink(opener)
            have = 0
            while have < len(stream):
                more = opener.need - len(sink.rest)
                self.assertGreater(more, 0)
                have += more
                self.assertLessEqual(have, len(stream), (cipher, mac))
                sink.feed(stream[have - more : have])
            self.assertEqual(len(sink.packets), 1)

    def test_channel_data(self) -> None:
        """Parts of any size become CHANNEL_DATA packets of at most the limit, in order, without a byte lost."""
        chance = random.Random(4)
        for cipher, mac in SUITES:
            for limit in (1024, 32768):
                sealer, opener = pair(cipher, mac)
                sink = Sink(opener)
                parts = [chance.randbytes(chance.choice((0, 1, 4, 100, 1024, 5000, 70000))) for _ in range(8)]
                whole = b"".join(parts)
                sink.feed(bytes(sealer.seal_data(9, [memoryview(part) for part in parts], len(whole), limit)))
                readers = [Reader(packet[1:]) for packet in sink.channel_data]
                self.assertEqual({reader.u32() for reader in readers}, {9} if whole else set())
                data = [reader.string() for reader in readers]
                self.assertEqual(b"".join(data), whole)
                self.assertEqual([len(piece) for piece in data[:-1]], [limit] * len(data[:-1]))
                self.assertEqual(opener.sequence, sealer.sequence)

    def test_run(self) -> None:
        """CHANNEL_DATA that comes in one piece is handed on together, and in order with what is between it."""
        for cipher, mac in SUITES:
            sealer, opener = pair(cipher, mac)
            sink = Sink(opener)
            data = bytes(sealer.seal_data(9, [bytes(3000)], 3000, 1000))
            sink.feed(data + sealer.seal(bytes((Msg.IGNORE,))) + bytes(sealer.seal_data(9, [b"abc"], 3, 1000)))
            self.assertEqual((sink.runs, len(sink.packets)), ([3, 1], 1))
            self.assertEqual(sink.order, [3, "packet", 1])

    def test_good_before_bad(self) -> None:
        """What came whole before a packet that was tampered with is handed on; nothing from there on is."""
        for cipher, mac in SUITES:
            sealer, opener = pair(cipher, mac)
            sink = Sink(opener)
            sealed = bytearray(sealer.seal_data(9, [b"abc" * 100], 300, 100))
            size = len(sealed) // 3
            sealed[size + 40] ^= 1
            self.assertRaises(ProtocolError, sink.feed, bytes(sealed))
            self.assertEqual([data[-100:] for data in sink.channel_data], [b"abc" * 33 + b"a"])

    def test_hung_up_amid_a_run(self) -> None:
        """A packet behind data that made the sink stop reading is not handed on."""

        class Leaver(Sink):
            def data(self, packets: list[bytes]) -> None:
                super().data(packets)
                self.opener = DiscardOpener()

        for cipher, mac in SUITES:
            sealer, opener = pair(cipher, mac)
            sink = Leaver(opener)
            sink.feed(bytes(sealer.seal_data(9, [b"abc"], 3, 100)) + sealer.seal(bytes((Msg.IGNORE,))))
            self.assertEqual((len(sink.channel_data), sink.packets), (1, []))

    def test_bit_flips(self) -> None:
        """One bit changed anywhere in a packet is noticed, and nothing of it delivered."""
        chance = random.Random(5)
        for cipher, mac in SUITES:
            sealed = pair(cipher, mac)[0].seal(bytes((Msg.IGNORE,)) + chance.randbytes(300))
            follow = bytes(PACKET_LIMIT + 100)  # so that a changed length does not just wait for more
            for _ in range(50):
                changed = bytearray(sealed)
                changed[chance.randrange(len(sealed))] ^= 1 << chance.randrange(8)
                sink = Sink(pair(cipher, mac)[1])
                error = self.assertRaises(ProtocolError, sink.feed, bytes(changed) + follow)
                self.assertIn(error.reason, (Reason.MAC_ERROR, Reason.PROTOCOL_ERROR))
                self.assertEqual((sink.packets, sink.channel_data), ([], []))

    def test_order(self) -> None:
        """A packet left out, repeated or moved is noticed."""
        for cipher, mac in SUITES:
            sealer, _ = pair(cipher, mac)
            one, two = sealer.seal(b"\x02one"), sealer.seal(b"\x02two")
            for stream in (two, one + one, two + one):
                sink = Sink(pair(cipher, mac)[1])
                self.assertRaises(ProtocolError, sink.feed, stream + bytes(100))

    def test_sequence_wraps(self) -> None:
        """Packet 2**32 follows packet 2**32 - 1 (RFC 4253 section 6.4)."""
        for cipher, mac in SUITES:
            sealer, opener = pair(cipher, mac, sequence=0xFFFFFFFF)
            sink = Sink(opener)
            sink.feed(b"".join(sealer.seal(b"\x02" + bytes((n,))) for n in range(3)))
            self.assertEqual(len(sink.packets), 3)
            self.assertEqual((opener.sequence, sealer.sequence), (2, 2))

    def test_stops_at_new_opener(self) -> None:
        """After NEWKEYS not one more packet is read with the old keys."""
        for cipher, mac in [(None, None), *SUITES]:
            sealer, opener = pair(cipher, mac)
            first, second = sealer.seal(b"\x15"), sealer.seal(b"\x02")

            class Changing(Sink):
                def packet(self, packet: bytes) -> None:
                    super().packet(packet)
                    self.opener = DiscardOpener()

            sink = Changing(opener)
            data = first + second
            self.assertEqual(opener.open(sink, memoryview(data), 0, len(data)), len(first), (cipher, mac))
            self.assertEqual(sink.packets, [b"\x15"])


class Lengths(SynchronousTestCase):
    """Lengths are judged before anything waits for so many bytes."""

    def lengths(self, cipher: bytes | None, mac: bytes | None, block: int) -> None:
        too_long = (PACKET_LIMIT // block + 1) * block + (12 if cipher is None else 0)
        for length in (0, 1, block + 1, too_long, 0xFFFFFFFF):
            _, opener = pair(cipher, mac)
            self.assertRaises(ProtocolError, Sink(opener).feed, U32.pack(length) + bytes(96))

    def test_plain(self) -> None:
        """Before there are keys."""
        self.lengths(None, None, 8)

    def test_gcm(self) -> None:
        """AES-GCM, whose lengths are not encrypted."""
        self.lengths(b"aes128-gcm@openssh.com", None, 16)

    def test_etm(self) -> None:
        """Encrypt-then-MAC, whose lengths are not encrypted."""
        self.lengths(b"aes128-ctr", b"hmac-sha2-256-etm@openssh.com", 16)

    def test_encrypted(self) -> None:
        """Ciphers that encrypt the length: what garbage decrypts to is judged the same."""
        chance = random.Random(6)
        for cipher, mac in ((b"chacha20-poly1305@openssh.com", None), (b"aes128-ctr", b"hmac-sha2-256")):
            for _ in range(20):
                sink = Sink(pair(cipher, mac)[1])
                self.assertRaises(ProtocolError, sink.feed, chance.randbytes(PACKET_LIMIT + 100))

    def test_ctr_short(self) -> None:
        """A length that leaves no room for the first block is refused (AES-CTR with a plain MAC)."""
        sealer, _ = pair(b"aes128-ctr", b"hmac-sha2-256")
        keystream = bytes(a ^ b for a, b in zip(sealer.seal(b"\x02" * 11)[:4], U32.pack(28), strict=True))
        length = bytes(a ^ b for a, b in zip(keystream, U32.pack(0xFFFFFFFC), strict=True))
        opener = make_opener(b"aes128-ctr", b"hmac-sha2-256", KEY, IV, MAC_KEY, 0)
        self.assertIsInstance(opener, CtrOpener)
        self.assertRaises(ProtocolError, Sink(opener).feed, length + bytes(60))


class Cut(SynchronousTestCase):
    def test_runs(self) -> None:
        """All runs but the last have the limit's size, and together they are the parts."""
        chance = random.Random(7)
        for _ in range(300):
            parts = [chance.randbytes(chance.randrange(12)) for _ in range(chance.randrange(7))]
            runs = list(cut(parts, 5))
            self.assertEqual(b"".join(bytes(piece) for _, run in runs for piece in run), b"".join(parts))
            self.assertEqual([size for size, _ in runs[:-1]], [5] * len(runs[:-1]))
            self.assertTrue(all(0 < size <= 5 for size, _ in runs))
            for size, run in runs:
                self.assertEqual(sum(len(piece) for piece in run), size)
