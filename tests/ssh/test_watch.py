"""Login grace, idleness, keepalive and the age of keys."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.settings import Settings
from swftp.ssh.watch import EXCHANGE_TIMEOUT
from swftp.ssh.wire import U32, Msg, Reason, string
from swftp.timers import BUCKET, batched_timer
from tests.ssh.harness import Client, Recorder, Server

OFF = {"idle_timeout": 0.0, "keepalive_interval": 0.0, "rekey_seconds": 0.0}


def wait(client: Client, seconds: float) -> None:
    """Let time pass, a second at a time."""
    for _ in range(int(seconds)):
        client.clock.advance(1)
        client.pump()


class Grace(SynchronousTestCase):
    def test_from_accept(self) -> None:
        """The grace period begins at accept and nothing that a client does makes it longer."""
        client = Client(Server(Settings(login_grace=60.0)))
        client.pump()
        wait(client, 30)
        client.raw(client.version + b"\r\n")
        client.start_kex()
        client.continue_kex()
        client.send(Msg.SERVICE_REQUEST, string(b"ssh-userauth"))
        wait(client, 29)
        client.auth(b"none")
        self.assertFalse(client.closed)
        wait(client, 22)
        self.assertTrue(client.closed)

    def test_not_after_login(self) -> None:
        """It is over with the login."""
        client = Client(Server(Settings(login_grace=60.0, **OFF))).login()
        wait(client, 300)
        self.assertFalse(client.closed)

    def test_silent(self) -> None:
        """A client that says nothing at all is closed too."""
        client = Client(Server(Settings(login_grace=60.0)))
        client.clock.pump([1] * 80)
        self.assertTrue(client.closed)


class Idle(SynchronousTestCase):
    SETTINGS = Settings(**{**OFF, "idle_timeout": 100.0})

    def test_quiet(self) -> None:
        """A session without file traffic ends."""
        client = Client(Server(self.SETTINGS)).login()
        client.subsystem(Recorder())
        wait(client, 98)
        self.assertFalse(client.closed)
        wait(client, 60)
        self.assertEqual(client.reason()[0], Reason.BY_APPLICATION)

    def test_traffic(self) -> None:
        """Data, or a window that the client opens, keeps it."""
        client = Client(Server(self.SETTINGS)).login()
        channel, _ = client.subsystem(Recorder())
        for n in range(10):
            wait(client, 80)
            if n % 2:
                client.write(channel, b"x")
            else:
                client.send(Msg.CHANNEL_WINDOW_ADJUST, U32.pack(channel) + U32.pack(1))
        self.assertFalse(client.closed)

    def test_keepalives_are_no_traffic(self) -> None:
        """A client that only keeps its connection up is idle."""
        client = Client(Server(self.SETTINGS)).login()
        for _ in range(20):
            wait(client, 10)
            if not client.closed:
                client.send(Msg.GLOBAL_REQUEST, string(b"keepalive@openssh.com") + b"\1")
        self.assertTrue(client.closed)

    def test_waiting(self) -> None:
        """A client that waits for our answer is not idle, however long it takes."""
        client = Client(Server(self.SETTINGS)).login()
        _, recorder = client.subsystem(Recorder())
        recorder.waiting = True
        wait(client, 500)
        self.assertFalse(client.closed)
        recorder.waiting = False
        wait(client, 160)
        self.assertTrue(client.closed)


class Keepalive(SynchronousTestCase):
    SETTINGS = Settings(**{**OFF, "keepalive_interval": 60.0, "keepalive_count": 2})

    def test_dead(self) -> None:
        """A client that answers nothing is aborted after so many questions."""
        client = Client(Server(self.SETTINGS)).login()
        wait(client, 170)
        self.assertEqual(client.take(Msg.GLOBAL_REQUEST), [string(b"keepalive@openssh.com") + b"\1"] * 2)
        self.assertFalse(client.wire.aborted)
        wait(client, 100)
        self.assertTrue(client.wire.aborted)

    def test_alive(self) -> None:
        """One that answers, either way, stays."""
        client = Client(Server(self.SETTINGS)).login()
        for n in range(1000):
            wait(client, 1)
            for _ in client.take(Msg.GLOBAL_REQUEST):
                client.send(Msg.REQUEST_FAILURE if n % 2 else Msg.REQUEST_SUCCESS)
        self.assertFalse(client.closed or client.wire.aborted)

    def test_late_answer(self) -> None:
        """An answer that comes after other messages of the client is still the answer to a question."""
        client = Client(Server(self.SETTINGS)).login()
        channel, _ = client.subsystem(Recorder())
        asked = 0
        while not asked:
            wait(client, 1)
            asked = len(client.take(Msg.GLOBAL_REQUEST))
        client.write(channel, b"x")
        wait(client, 30)
        client.send(Msg.REQUEST_FAILURE)
        self.assertFalse(client.closed)

    def test_no_question_while_it_talks(self) -> None:
        """A client that sends anything is not asked."""
        client = Client(Server(self.SETTINGS)).login()
        channel, _ = client.subsystem(Recorder())
        for _ in range(20):
            wait(client, 50)
            client.write(channel, b"x")
        self.assertEqual(client.take(Msg.GLOBAL_REQUEST), [])

    def test_never_reads(self) -> None:
        """A client that asks and asks without reading is given up, although it is us who stopped reading."""
        client = Client(Server(self.SETTINGS)).login()
        client.transport.pauseProducing()
        request = bytes((Msg.GLOBAL_REQUEST,)) + string(b"x") + b"\1"
        while client.wire.producerState == "producing":
            client.transport.dataReceived(client.sealer.seal(request))
        wait(client, 400)
        self.assertTrue(client.wire.aborted)


class Keys(SynchronousTestCase):
    SETTINGS = Settings(**{**OFF, "rekey_seconds": 600.0})

    def test_by_time(self) -> None:
        """Keys that are old enough are changed."""
        client = Client(Server(self.SETTINGS)).login()
        channel, _ = client.subsystem()
        wait(client, 590)
        self.assertEqual(client.take(Msg.KEXINIT), [])
        wait(client, 300)
        self.assertEqual(len(client.take(Msg.KEXINIT)), 1)
        client.write(channel, b"x")
        self.assertEqual(client.output(), b"x")

    def test_client_does_not_answer(self) -> None:
        """A client that does not do its part of the exchange is not waited for without end."""
        client = Client(Server(self.SETTINGS)).login()
        client.answers_rekey = False
        wait(client, 600 + EXCHANGE_TIMEOUT)
        self.assertFalse(client.wire.aborted)
        wait(client, EXCHANGE_TIMEOUT + 300)
        self.assertTrue(client.wire.aborted)

    def test_slow_line(self) -> None:
        """A client whose part of the exchange stands behind an upload over a slow line is waited for."""
        client = Client(Server(self.SETTINGS)).login()
        channel, recorder = client.subsystem(Recorder())
        client.answers_rekey = False
        while not client.take(Msg.KEXINIT):
            wait(client, 1)
        for _ in range(20):
            wait(client, EXCHANGE_TIMEOUT / 4)
            client.write(channel, bytes(32768))
        self.assertFalse(client.wire.aborted)
        client.answers_rekey = True
        client.start_kex()
        client.continue_kex()
        client.write(channel, b"end")
        self.assertEqual(recorder.got, bytes(20 * 32768) + b"end")


class Cheap(SynchronousTestCase):
    def test_one_timer_for_many(self) -> None:
        """A thousand sessions cost the reactor as many timers as there are buckets in use, not a thousand."""
        clock = Clock()
        timer = batched_timer(clock)
        fired: list[int] = []
        for n in range(1000):
            timer.call_later(30.0, lambda n=n: fired.append(n))  # type: ignore[misc]
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        clock.pump([0.5] * 80)
        self.assertEqual(sorted(fired), list(range(1000)))

    def test_nothing_is_kept(self) -> None:
        """A connection that is gone is not kept alive by its timers."""
        import gc
        import weakref

        server = Server()
        client = Client(server).login()
        gone = weakref.ref(client.transport)
        client.vanish()
        del client
        gc.collect()
        self.assertIsNone(gone())

    def test_off(self) -> None:
        """With everything off there is no timer at all."""
        server = Server(Settings(login_grace=0.0, prefer_fast_ciphers=False, **OFF))
        Client(server).pump()
        self.assertEqual(server.clock.getDelayedCalls(), [])
        self.assertGreater(BUCKET, 0)
