"""One byte stream, cut anywhere, is one sequence of requests."""

from __future__ import annotations

import random
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp.sftp.stream import CRUMB, BadStream, RequestStream
from swftp.sftp.wire import PACKET_LIMIT, Packet, string
from tests.sftp.client import packet, u32, u64

Request = tuple[object, ...]


class Recorder:
    """Writes down what it is handed; takes *room* requests."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.requests: list[Request] = []
        self.room = room

    @property
    def full(self) -> bool:
        """See `IRequests`."""
        return len(self.requests) >= self.room

    def write(self, request: int, handle: bytes, offset: int, parts: list[memoryview], size: int) -> None:
        """See `IRequests`."""
        data = b"".join(parts)
        assert len(data) == size
        self.requests.append((Packet.WRITE, request, handle, offset, data))

    def read(self, request: int, handle: bytes, offset: int, length: int) -> None:
        """See `IRequests`."""
        self.requests.append((Packet.READ, request, handle, offset, length))

    def packet(self, data: bytes) -> None:
        """See `IRequests`."""
        self.requests.append((data,))


handles = st.binary(min_size=0, max_size=6) | st.just(b"\0\0\0\1")
offsets = st.integers(0, 2**64 - 1)
numbers = st.integers(0, 2**32 - 1)
writes = st.builds(
    lambda r, h, o, d: packet(Packet.WRITE, u32(r), string(h), u64(o), string(d)),
    numbers, handles, offsets, st.binary(max_size=100) | st.sampled_from((bytes(CRUMB), bytes(range(256)) * 9)),
)  # fmt: skip
reads = st.builds(
    lambda r, h, o, n: packet(Packet.READ, u32(r), string(h), u64(o), u32(n)), numbers, handles, offsets, numbers
)
others = st.builds(lambda k, b: packet(k, b), st.integers(0, 255), st.binary(min_size=4, max_size=60))
packets = st.lists(writes | reads | others, max_size=12)


def whole(stream: bytes) -> list[Request]:
    """The requests in *stream* when it comes in one piece."""
    recorder = Recorder()
    RequestStream(recorder).feed([memoryview(stream)])
    return normal(recorder.requests)


def normal(requests: list[Request]) -> list[Request]:
    """READs and WRITEs may be handed on parsed or not; here they always are not."""
    found: list[Request] = []
    for request in requests:
        if request[0] is Packet.WRITE:
            _, number, handle, offset, data = request
            whole = packet(Packet.WRITE, u32(number), string(handle), u64(offset), string(data))  # type: ignore[arg-type]
            request = (whole[4:],)
        elif request[0] is Packet.READ:
            _, number, handle, offset, length = request
            whole = packet(Packet.READ, u32(number), string(handle), u64(offset), u32(length))  # type: ignore[arg-type]
            request = (whole[4:],)
        found.append(request)
    return found


class SplitTests(SynchronousTestCase):
    """Where the stream is cut makes no difference."""

    @given(packets)
    def test_packets_come_out(self, sent: list[bytes]) -> None:
        """All packets, whole and in order."""
        self.assertEqual(whole(b"".join(sent)), [(one[4:],) for one in sent])

    @given(packets, st.data())
    def test_any_cut(self, sent: list[bytes], data: st.DataObject) -> None:
        """Cut anywhere, taken in any portion, held whenever there is no room: the same requests."""
        stream = b"".join(sent)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
        recorder = Recorder(room=data.draw(st.integers(0, 5)))
        requests = RequestStream(recorder)
        pieces = [memoryview(stream)[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        taken = 0
        while pieces:
            together = data.draw(st.integers(1, 6))
            taken += requests.feed(pieces[:together])
            del pieces[:together]
        while requests.holding:
            self.assertTrue(recorder.full)
            recorder.room += data.draw(st.integers(1, 3))
            taken += requests.resume()
        self.assertEqual(taken, len(stream))
        self.assertEqual(normal(recorder.requests), [(one[4:],) for one in sent])

    def test_order_behind_what_is_held(self) -> None:
        """What comes when there is room again, before what is held was taken, comes after it."""
        recorder, data = Recorder(), bytes(range(256)) * 12
        stream = RequestStream(recorder)
        view = memoryview(packet(Packet.WRITE, u32(1), string(b"\0\0\0\1"), u64(0), string(data)))
        stream.feed([view[:700]])
        recorder.room = 0
        self.assertEqual(stream.feed([view[700:1400]]), 0)
        recorder.room = 1
        self.assertEqual(stream.feed([view[1400:2100], view[2100:]]), 0)
        self.assertEqual(stream.resume(), len(view) - 700)
        self.assertEqual(recorder.requests, [(Packet.WRITE, 1, b"\0\0\0\1", 0, data)])

    def test_byte_by_byte(self) -> None:
        """A WRITE that comes a byte at a time is handed on once, whole."""
        recorder = Recorder()
        requests = RequestStream(recorder)
        for byte in packet(Packet.WRITE, u32(1), string(b"\0\0\0\1"), u64(5), string(b"abcdef")):
            requests.feed([memoryview(bytes([byte]))])
        self.assertEqual(recorder.requests, [(Packet.WRITE, 1, b"\0\0\0\1", 5, b"abcdef")])

    @settings(max_examples=200)
    @given(st.lists(st.binary(max_size=80), max_size=10))
    def test_garbage(self, pieces: list[bytes]) -> None:
        """Any bytes at all are packets, the beginning of one, or a broken stream."""
        requests = RequestStream(Recorder())
        try:
            for piece in pieces:
                self.assertEqual(requests.feed([memoryview(piece)]), len(piece))
        except BadStream:
            pass


class LengthTests(SynchronousTestCase):
    """No length is believed that no packet has."""

    def feed(self, data: bytes) -> Recorder:
        """What comes of *data*."""
        recorder = Recorder()
        RequestStream(recorder).feed([memoryview(data)])
        return recorder

    def test_too_long(self) -> None:
        """Refused as soon as the length is there, and not waited for."""
        for length in (PACKET_LIMIT + 1, 0xFFFFFFFF):
            with self.subTest(length=length):
                self.assertRaises(BadStream, self.feed, u32(length))
                head = u32(length) + b"\6" + u32(1) + string(b"\0\0\0\1") + u64(0) + u32(length - 25)
                self.assertRaises(BadStream, self.feed, head)

    def test_too_short(self) -> None:
        """Below five bytes there is no request id: nobody to answer."""
        for length in range(5):
            self.assertRaises(BadStream, self.feed, u32(length) + b"\x11" * length)

    def test_longest(self) -> None:
        """A WRITE that fills the longest packet is taken."""
        data = b"x" * (PACKET_LIMIT - 25)
        recorder = self.feed(packet(Packet.WRITE, u32(1), string(b"\0\0\0\1"), u64(0), string(data)))
        self.assertEqual(recorder.requests[0][-1], data)

    def pieces_kept(self, pieces: list[memoryview], room: int = 1 << 30) -> list[memoryview]:
        """The parts of the one WRITE in *pieces*, which come one by one, and wait first if there is no *room*."""
        seen: list[memoryview] = []

        class Keeper(Recorder):
            def write(self, request: int, handle: bytes, offset: int, parts: list[memoryview], size: int) -> None:
                seen.extend(parts)

        keeper = Keeper(room)
        stream = RequestStream(keeper)
        taken = sum(stream.feed([piece]) for piece in pieces)
        keeper.room = 1
        taken += stream.resume()
        self.assertEqual(taken, sum(len(piece) for piece in pieces))
        return seen

    def test_write_data_is_not_copied(self) -> None:
        """The data of a WRITE is a view of what arrived, in one piece or many, and however long it waited."""
        sent = packet(Packet.WRITE, u32(1), string(b"\0\0\0\1"), u64(0), string(bytes(range(256)) * 16))
        for size in (len(sent), 1000, CRUMB):
            pieces = [memoryview(sent[start : start + size]) for start in range(0, len(sent), size)]
            for room in (0, 1):
                with self.subTest(size=size, room=room):
                    kept = self.pieces_kept(pieces, room)
                    self.assertEqual(b"".join(kept), sent[-4096:])
                    whole = [part for part in kept if len(part) >= CRUMB]
                    self.assertTrue(whole)
                    self.assertTrue(all(any(part.obj is piece.obj for piece in pieces) for part in whole))


class CrumbTests(SynchronousTestCase):
    """A client that sends byte by byte costs no more than one that does not."""

    def crumble(self, stream: RequestStream, data: bytes) -> int:
        """Feed *data* in packets of one byte each; returns the bytes of memory that it took."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(len(data)):
            stream.feed([memoryview(b"\0" * 10 + data[number : number + 1])[10:]])
        return tracemalloc.get_traced_memory()[0] - before

    def test_data_of_a_write(self) -> None:
        """The data of a WRITE that has yet to end."""
        body = random.Random(1).randbytes(20000)
        sent = packet(Packet.WRITE, u32(1), string(b"\0\0\0\1"), u64(0), string(body))
        recorder = Recorder()
        stream = RequestStream(recorder)
        self.assertLess(self.crumble(stream, sent[:-1]), 3 * len(sent))
        stream.feed([memoryview(sent)[-1:]])
        self.assertTrue(normal(recorder.requests) == whole(sent))  # no comparison in words: it would take minutes

    def test_held(self) -> None:
        """What waits because there is no room."""
        sent = packet(Packet.READ, u32(1), string(b"\0\0\0\1"), u64(0), u32(1)) * 500
        recorder = Recorder(room=1)
        stream = RequestStream(recorder)
        self.assertLess(self.crumble(stream, sent), 3 * len(sent))
        stream.feed([memoryview(sent)])  # one large piece between short ones
        self.crumble(stream, sent)
        recorder.room = 1000
        stream.resume()
        recorder.room = 1 << 30
        stream.resume()
        self.assertTrue(normal(recorder.requests) == whole(sent * 3))
        self.assertFalse(stream.holding)
