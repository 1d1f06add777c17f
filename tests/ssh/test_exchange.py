"""Changing keys, whoever asks and whatever is under way."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.algorithms import AEAD, COMPAT
from swftp.ssh.gate import Exchange
from swftp.ssh.settings import EARLY_EXCHANGES, HELD_LIMIT, HELD_OVERHEAD, Settings
from swftp.ssh.wire import U32, Msg, Reason, string
from tests.ssh.harness import Client, Recorder, Server

DATA = random.Random(1).randbytes(300000)


class EverySuite(SynchronousTestCase):
    def test_all_combinations(self) -> None:
        """Each cipher with each MAC and key exchange carries data both ways, through a change of keys."""
        fast = [name for name in COMPAT.kex if b"group" not in name]
        suites = [(c, m) for c in COMPAT.ciphers for m in (COMPAT.macs if c not in AEAD else COMPAT.macs[:1])]
        rounds = [(c, m, k) for c, m in suites for k in fast]
        rounds += [(c, m, COMPAT.kex[-1]) for c, m in suites[:1]] + [(*suites[-1], COMPAT.kex[-2])]
        for strict in (True, False):
            for cipher, mac, kex in rounds:
                client = Client(Server(), strict=strict).login(ciphers=[cipher], macs=[mac], kex=[kex])
                agreement = client.agreement
                self.assertEqual((agreement.cipher_in, agreement.kex), (cipher, kex))
                channel, _ = client.subsystem()
                client.write(channel, DATA[:50000])
                client.start_kex()
                client.write(channel, DATA[50000:100000])
                self.assertEqual(client.output(), DATA[:100000], (cipher, mac, kex))


class ClientAsks(SynchronousTestCase):
    def test_output_waits(self) -> None:
        """From the client's KEXINIT to our NEWKEYS no channel data leaves, and all of it does afterwards."""
        client = Client(Server()).login()
        _, recorder = client.subsystem(Recorder())
        message = client.kexinit()
        client._rest_of_kex = True
        client.send(message[0], message[1:])
        recorder.channel.put(DATA)
        client.pump()
        self.assertEqual((client.output(), recorder.channel.backlog), (b"", len(DATA)))
        client.continue_kex()
        self.assertEqual(client.output(), DATA)

    def test_messages_wait(self) -> None:
        """So do our answers and window adjustments; they arrive in order (RFC 4253 section 7.1)."""
        client = Client(Server(Settings(first_window=1 << 20))).login()
        channel, recorder = client.subsystem(Recorder(credits=False))
        client.write(channel, bytes(1 << 20))
        client._rest_of_kex = True
        message = client.kexinit()
        client.send(message[0], message[1:])
        client.messages = []
        recorder.channel.credit(1 << 20)
        recorder.channel.error(b"late")
        client.pump()
        self.assertEqual(client.messages, [])
        client.continue_kex()
        self.assertEqual(
            client.numbers(),
            [Msg.KEX_REPLY, Msg.NEWKEYS, Msg.CHANNEL_WINDOW_ADJUST, Msg.CHANNEL_EXTENDED_DATA],
        )

    def test_nothing_else_during_it(self) -> None:
        """After its KEXINIT a client may send nothing but the exchange."""
        client = Client(Server()).login()
        channel, recorder = client.subsystem(Recorder())
        client._rest_of_kex = True
        message = client.kexinit()
        client.send(message[0], message[1:])
        client.write(channel, b"x")
        self.assertEqual((client.closed, recorder.got), (True, b""))

    def test_again_during_it(self) -> None:
        """A second KEXINIT in one exchange ends the connection."""
        client = Client(Server()).login()
        client._rest_of_kex = True
        message = client.kexinit()
        client.send(message[0], message[1:])
        client.send(message[0], message[1:])
        self.assertTrue(client.closed)

    def test_no_new_indicators(self) -> None:
        """Strict key exchange cannot be turned on or off later, and EXT_INFO is sent once."""
        client = Client(Server(), strict=False).login()
        client.strict = True
        message = client.kexinit()
        client.strict = False
        client._rest_of_kex = True
        client.send(message[0], message[1:])
        self.assertFalse(client.transport.exchange.strict)
        (ours,) = client.take(Msg.KEXINIT)
        self.assertNotIn(b"kex-strict-s", ours)
        client.continue_kex()
        self.assertEqual(client.numbers(), [Msg.KEX_REPLY, Msg.NEWKEYS])

    def test_many_before_login(self) -> None:
        """Nobody may keep us busy with key exchanges without logging in."""
        client = Client(Server()).hello()
        for _ in range(EARLY_EXCHANGES - 1):
            client.start_kex()
            self.assertFalse(client.closed)
        client.start_kex()
        self.assertTrue(client.closed)

    def test_session_id_stays(self) -> None:
        """The session identifier is that of the first exchange."""
        client = Client(Server()).login()
        first = client.transport.exchange.session_id
        client.start_kex()
        self.assertEqual(client.transport.exchange.session_id, first)

    def test_nothing_is_kept(self) -> None:
        """What a client put into its KEXINIT is not kept longer than the exchange takes."""
        client = Client(Server())
        client.extra = (b"x" * 60000,)
        client.login()
        held = [value for value in vars(client.transport.exchange).values() if isinstance(value, bytes)]
        self.assertLess(sum(map(len, held)), 1000)


class WeAsk(SynchronousTestCase):
    def test_by_bytes_in(self) -> None:
        """After so many bytes from the client new keys are asked for, once, and data goes on."""
        client = Client(Server(Settings(policy=COMPAT, rekey_bytes=200000))).login()
        channel, recorder = client.subsystem(Recorder())
        for start in range(0, len(DATA), 10000):
            client.write(channel, DATA[start : start + 10000])
        self.assertEqual(bytes(recorder.got), DATA)
        self.assertEqual(len(client.take(Msg.KEXINIT)), 1)

    def test_by_bytes_out(self) -> None:
        """The same for bytes to the client."""
        client = Client(Server(Settings(policy=COMPAT, rekey_bytes=200000))).login()
        _, recorder = client.subsystem(Recorder())
        for start in range(0, len(DATA), 10000):
            recorder.channel.put(DATA[start : start + 10000])
            client.pump()
        self.assertEqual(client.output(), DATA)
        self.assertEqual(len(client.take(Msg.KEXINIT)), 1)

    def test_every_few_bytes(self) -> None:
        """A limit that is reached again and again: no stall, no lost byte, both ways at once."""
        for cipher in (COMPAT.ciphers[0], b"chacha20-poly1305@openssh.com", b"aes256-ctr"):
            client = Client(Server(Settings(policy=COMPAT, rekey_bytes=20000))).login(ciphers=[cipher])
            channel, _ = client.subsystem()
            got = b""
            for start in range(0, len(DATA), 7000):
                client.write(channel, DATA[start : start + 7000])
                got += client.output()
            self.assertEqual(got, DATA)
            self.assertGreater(len(client.take(Msg.KEXINIT)), 8)

    def test_data_under_way(self) -> None:
        """What the client sent before it saw our KEXINIT is still taken, and counts against the window."""
        client = Client(Server(Settings(first_window=1 << 21))).login()
        client.answers_rekey = False
        channel, recorder = client.subsystem(Recorder())
        client.transport.rekey()
        client.pump()
        self.assertEqual(client.numbers(), [Msg.KEXINIT])
        client.write(channel, DATA)
        self.assertEqual(bytes(recorder.got), DATA)
        client.start_kex()
        client.write(channel, DATA)
        self.assertEqual(bytes(recorder.got), DATA + DATA)

    def test_both_ask(self) -> None:
        """KEXINITs that cross are one exchange."""
        client = Client(Server(Settings(first_window=1 << 21))).login()
        channel, _ = client.subsystem()
        client.answers_rekey = False
        client.transport.rekey()
        client.transport.rekey()
        client.start_kex()
        self.assertEqual(len(client.take(Msg.KEXINIT)), 1)
        self.assertIs(client.transport.exchange.state, Exchange.NONE)
        client.write(channel, DATA)
        self.assertEqual(client.output(), DATA)

    def test_client_that_makes_us_hold(self) -> None:
        """One that answers our KEXINIT with nothing but requests cannot fill our memory."""
        client = Client(Server()).login()
        client.answers_rekey = False
        client.transport.rekey()
        request = bytes((Msg.GLOBAL_REQUEST,)) + string(b"x") + b"\1"
        for _ in range(HELD_LIMIT // HELD_OVERHEAD):
            if client.closed:
                break
            client.transport.dataReceived(client.sealer.seal(request))
        client.pump()
        self.assertEqual(client.reason()[0], Reason.PROTOCOL_ERROR)

    def test_not_before_login(self) -> None:
        """We do not ask while nobody is logged in."""
        client = Client(Server(Settings(policy=COMPAT, rekey_bytes=10))).service()
        self.assertEqual(client.numbers().count(Msg.KEXINIT), 1)

    def test_off(self) -> None:
        """0 turns it off."""
        client = Client(Server(Settings(policy=COMPAT, rekey_bytes=0))).login()
        channel, _ = client.subsystem()
        client.write(channel, DATA)
        self.assertEqual(client.take(Msg.KEXINIT), [])


class Malformed(SynchronousTestCase):
    def test_new_keys_with_data(self) -> None:
        """NEWKEYS takes no data."""
        client = Client(Server()).login()
        client._rest_of_kex = True
        message = client.kexinit()
        client.send(message[0], message[1:])
        client._send_new_keys = lambda *_: None  # type: ignore[method-assign]
        client.continue_kex()
        client.send(Msg.NEWKEYS, b"x")
        self.assertTrue(client.closed)

    def test_public_value(self) -> None:
        """A public value that does not parse, or is followed by something, ends the connection."""
        for payload in (b"", U32.pack(100) + b"x", string(bytes(32)) + b"x"):
            client = Client(Server()).login()
            client._rest_of_kex = True
            message = client.kexinit()
            client.send(message[0], message[1:])
            client.send(Msg.KEX_INIT, payload)
            self.assertTrue(client.closed)
