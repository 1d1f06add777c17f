"""A connection's phases, and what a client can make of them."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from swftp.ssh.algorithms import COMPAT, GCM, MODERN, Offer
from swftp.ssh.gate import Phase
from swftp.ssh.settings import FIRST_KEX_PACKETS, LINGER, TAILOR_WAIT, VERSION_LIMIT, Settings
from swftp.ssh.wire import U32, Msg, Reader, Reason, string
from tests.ssh.harness import Client, Recorder, Server


class Version(SynchronousTestCase):
    """The version exchange (RFC 4253 section 4.2)."""

    def test_ours_comes_first(self) -> None:
        """We say ours at once, and nothing else until the client has said what it offers."""
        client = Client(Server())
        self.assertEqual(client.wire.value(), b"SSH-2.0-SwFTP_2\r\n")

    def test_accepted(self) -> None:
        """2.0 and 1.99, with CR LF or LF, whole or byte by byte, with the KEXINIT right behind."""
        for line in (b"SSH-2.0-x\r\n", b"SSH-2.0-x y z\n", b"SSH-1.99-x\r\n"):
            client = Client(Server())
            client.version = line.rstrip()
            client.pump()
            for byte in line[:-1]:
                client.raw(bytes((byte,)))
            kexinit = client.sealer.seal(client.kexinit())
            client.raw(line[-1:] + kexinit)
            client.continue_kex()
            self.assertIs(client.transport.phase, Phase.SERVICE, line)

    def test_refused(self) -> None:
        """Another protocol, or another version, is told so in plain text and hung up on."""
        for line in (b"GET / HTTP/1.1\r\n", b"SSH-1.5-x\r\n", b"\r\n", b"SSH-2.0-a\0b\r\n"):
            client = Client(Server())
            client.wire.clear()
            client.transport.dataReceived(line)
            self.assertTrue(client.closed, line)
            self.assertEqual(client.wire.value(), b"not an SSH 2.0 client\r\n")

    def test_endless(self) -> None:
        """A line that does not end within 255 bytes is not waited for."""
        client = Client(Server())
        client.transport.dataReceived(b"SSH-2.0-" + b"x" * (VERSION_LIMIT - 9))
        self.assertFalse(client.closed)
        client.transport.dataReceived(b"x")
        self.assertTrue(client.closed)


class FirstExchange(SynchronousTestCase):
    """From the version to the first keys."""

    def test_tailored(self) -> None:
        """A client that has AES-GCM is offered nothing else; the other ciphers need the option to be off."""
        for prefer, expected in ((True, list(GCM)), (False, list(MODERN.ciphers))):
            client = Client(Server(Settings(prefer_fast_ciphers=prefer))).hello()
            (theirs,) = client.take(Msg.KEXINIT)
            self.assertEqual(Offer.parse(theirs).ciphers_in, expected)

    def test_tailored_for_others(self) -> None:
        """A client without AES-GCM is offered the others."""
        client = Client(Server()).hello(ciphers=[b"chacha20-poly1305@openssh.com"])
        (theirs,) = client.take(Msg.KEXINIT)
        self.assertEqual(Offer.parse(theirs).ciphers_out, list(COMPAT.ciphers))
        self.assertEqual(client.agreement.cipher_in, b"chacha20-poly1305@openssh.com")

    def test_client_that_waits(self) -> None:
        """A client that wants our KEXINIT first gets it after half a second, and the exchange goes on."""
        client = Client(Server())
        client.pump()
        client.raw(b"SSH-2.0-Test\r\n")
        self.assertEqual(client.numbers(), [])
        client.clock.advance(TAILOR_WAIT)
        client.pump()
        self.assertEqual(client.numbers(), [Msg.KEXINIT])
        client.start_kex()
        self.assertIs(client.transport.phase, Phase.SERVICE)

    def test_at_once(self) -> None:
        """Without tailoring our KEXINIT does not wait for anything."""
        client = Client(Server(Settings(prefer_fast_ciphers=False)))
        client.pump()
        self.assertEqual(client.numbers(), [Msg.KEXINIT])

    def test_what_we_offer(self) -> None:
        """No compression, the indicators of RFC 8308 and strict key exchange, host keys that we have."""
        client = Client(Server()).hello()
        (theirs,) = client.take(Msg.KEXINIT)
        offer = Offer.parse(theirs)
        self.assertEqual((offer.compression_in, offer.compression_out), ([b"none"], [b"none"]))
        self.assertEqual(offer.kex[-2:], [b"ext-info-s", b"kex-strict-s-v00@openssh.com"])
        self.assertEqual(offer.host_keys, [b"ssh-ed25519"])

    def test_server_sig_algs(self) -> None:
        """The first message under new keys names all signatures that users may make, whatever the host key is."""
        client = Client(Server()).hello()
        following = client.messages[client.numbers().index(Msg.NEWKEYS) + 1]
        self.assertEqual(following[0], Msg.EXT_INFO)
        reader = Reader(following[1])
        self.assertEqual((reader.u32(), reader.string()), (1, b"server-sig-algs"))
        algorithms = reader.names()
        for name in (b"rsa-sha2-512", b"rsa-sha2-256", b"ssh-ed25519", b"ecdsa-sha2-nistp256"):
            self.assertIn(name, algorithms)
        self.assertNotIn(b"ssh-rsa", algorithms)

    def test_extensions_answer_new_keys(self) -> None:
        """They go out when the client's NEWKEYS comes, so that its acknowledgement does not wait for 40 ms."""
        client = Client(Server())
        client._send_new_keys = lambda *_: None  # type: ignore[method-assign]
        client.hello()
        self.assertEqual(client.numbers(), [Msg.KEXINIT, Msg.KEX_REPLY, Msg.NEWKEYS])

    def test_strict_kexinit_first(self) -> None:
        """A strict client whose KEXINIT is not its first packet is hung up on (CVE-2023-48795)."""
        for strict in (True, False):
            client = Client(Server(), strict=strict)
            client.pump()
            client.raw(client.version + b"\r\n")
            client.send(Msg.IGNORE, string(b""))
            client.start_kex()
            self.assertEqual(client.closed, strict)

    def test_strict_nothing_between(self) -> None:
        """A strict client sends nothing but the exchange, not even IGNORE."""
        for strict in (True, False):
            client = Client(Server(), strict=strict)
            client.pump()
            client.raw(client.version + b"\r\n")
            message = client.kexinit()
            client.send(message[0], message[1:])
            client.send(Msg.IGNORE, string(b""))
            self.assertEqual(client.closed, strict)

    def test_strict_sequence(self) -> None:
        """With strict key exchange both sequence numbers begin again at each NEWKEYS."""
        client = Client(Server())
        client.hello(ciphers=[b"aes128-ctr"])
        self.assertEqual(client.transport.opener.sequence, 0)
        self.assertEqual(client.transport.outbox.sealer.sequence, 1)  # EXT_INFO

    def test_bounded(self) -> None:
        """Before the keys are made a client may send only so many packets."""
        client = Client(Server(), strict=False)
        client.pump()
        client.raw(client.version + b"\r\n")
        for _ in range(FIRST_KEX_PACKETS):
            client.send(Msg.IGNORE, string(b""))
        self.assertFalse(client.closed)
        client.send(Msg.IGNORE, string(b""))
        self.assertTrue(client.closed)

    def test_padding(self) -> None:
        """Padding of less than four bytes, or of more than there is, ends the connection (RFC 4253 section 6)."""
        for padding, good in ((0, False), (3, False), (4, True), (10, True), (11, False), (12, False), (255, False)):
            client = Client(Server(), strict=False)
            client.pump()
            client.raw(client.version + b"\r\n")
            client.raw(U32.pack(12) + bytes((padding, Msg.IGNORE)) + bytes(10))
            self.assertEqual(client.closed, not good, padding)

    def test_nothing_in_common(self) -> None:
        """No common algorithm: DISCONNECT with KEY_EXCHANGE_FAILED."""
        client = Client(Server(Settings(policy=MODERN)))
        client.pump()
        client.raw(client.version + b"\r\n")
        message = client.kexinit(kex=[b"ecdh-sha2-nistp256"])
        client.send(message[0], message[1:])
        self.assertEqual(client.reason(), (Reason.KEY_EXCHANGE_FAILED, b"no key exchange method in common"))

    def test_aead_without_common_mac(self) -> None:
        """An AEAD cipher connects although no MAC matches."""
        client = Client(Server()).login(macs=[b"umac-64@openssh.com"])
        self.assertEqual(client.agreement.cipher_in, GCM[0])

    def test_wrong_guess(self) -> None:
        """A key exchange packet that the client sent on a wrong guess is skipped (RFC 4253 section 7)."""
        client = Client(Server())
        client.pump()
        client.raw(client.version + b"\r\n")
        message = client.kexinit(kex=[b"curve25519-sha256"], guessed=True)
        client.send(message[0], message[1:])
        client.send(Msg.KEX_INIT, string(b"a guess"))
        self.assertFalse(client.closed)
        client.continue_kex()
        self.assertIs(client.transport.phase, Phase.SERVICE)

    def test_wrong_guess_of_another_method(self) -> None:
        """So is one that belongs to a method which numbers its messages differently; but only that one."""
        for guesses in (1, 2):
            client = Client(Server())
            client.pump()
            client.raw(client.version + b"\r\n")
            message = client.kexinit(
                kex=[b"diffie-hellman-group-exchange-sha256", b"curve25519-sha256"], guessed=True
            )
            client.send(message[0], message[1:])
            for _ in range(guesses):
                client.send(34, U32.pack(4096) * 3)
            client.continue_kex()
            self.assertEqual(client.closed, guesses == 2)

    def test_right_guess(self) -> None:
        """One on a right guess counts."""
        client = Client(Server())
        client.pump()
        client.raw(client.version + b"\r\n")
        message = client.kexinit(guessed=True)
        client.send(message[0], message[1:])
        client.continue_kex()
        self.assertIs(client.transport.phase, Phase.SERVICE)


class EveryMessage(SynchronousTestCase):
    """Each message number, empty and with garbage in it, in each phase, to a real connection."""

    def advance_to(self, phase: Phase) -> Client:
        server = Server()
        client = Client(server)
        if phase is Phase.OPEN:
            return client.login()
        if phase is Phase.AUTH:
            return client.service()
        if phase is Phase.SERVICE:
            return client.hello()
        client.pump()
        client.raw(client.version + b"\r\n")
        return client

    def test_no_traceback(self) -> None:
        """Whatever comes whenever: an answer or a disconnect, never a log of a failure, never both sides waiting."""
        for phase in (Phase.FIRST_KEX, Phase.SERVICE, Phase.AUTH, Phase.OPEN):
            client = self.advance_to(phase)
            for number in range(1, 256):
                for payload in (b"", b"\xff" * 40, string(b"x") * 5):
                    if client.closed:
                        client = self.advance_to(phase)
                    client.send(number, payload)
                    if not client.closed:
                        self.assertIs(client.transport.phase, Phase.AUTH if number == 5 else client.transport.phase)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_hung_up_before_login(self) -> None:
        """No message of the connection protocol gets an answer before login, only the end."""
        for phase in (Phase.FIRST_KEX, Phase.SERVICE, Phase.AUTH):
            for number in (80, 90, 94, 98, 192):
                client = self.advance_to(phase)
                client.messages = []
                client.send(number, string(b"session") + bytes(12))
                self.assertTrue(client.closed)
                self.assertEqual(client.numbers(), [Msg.DISCONNECT])

    def test_unknown_after_login(self) -> None:
        """UNIMPLEMENTED names the sequence number of the packet it is about (RFC 4253 section 11.4)."""
        client = self.advance_to(Phase.OPEN)
        sequence = client.sealer.sequence
        client.send(192, b"")
        self.assertEqual(client.take(Msg.UNIMPLEMENTED), [U32.pack(sequence)])
        self.assertFalse(client.closed)

    def test_random_streams(self) -> None:
        """Garbage instead of packets, at any point: hung up on, without a traceback."""
        import random

        chance = random.Random(8)
        for phase in (Phase.FIRST_KEX, Phase.SERVICE, Phase.OPEN):
            for _ in range(20):
                client = self.advance_to(phase)
                client.transport.dataReceived(chance.randbytes(300000))
                self.assertTrue(client.closed)
        self.assertEqual(self.flushLoggedErrors(), [])


class Service(SynchronousTestCase):
    def test_other_service(self) -> None:
        """Only authentication may be asked for."""
        client = Client(Server()).hello()
        client.send(Msg.SERVICE_REQUEST, string(b"ssh-connection"))
        self.assertEqual(client.reason()[0], Reason.SERVICE_NOT_AVAILABLE)

    def test_again(self) -> None:
        """Asking again is accepted, and resets nothing: failures still count."""
        client = Client(Server(Settings(max_failures=2, failure_delay=0.0))).service()
        client.auth(b"password", b"\0", string(b"wrong"))
        client.send(Msg.SERVICE_REQUEST, string(b"ssh-userauth"))
        self.assertEqual(client.take(Msg.SERVICE_ACCEPT), [string(b"ssh-userauth")] * 2)
        client.auth(b"password", b"\0", string(b"wrong"))
        self.assertEqual(client.reason()[0], Reason.NO_MORE_AUTH_METHODS_AVAILABLE)

    def test_ext_info(self) -> None:
        """The client's EXT_INFO is taken once, and only so many extensions."""
        one = U32.pack(1) + string(b"ext-info-in-auth@openssh.com") + string(b"0")
        client = Client(Server()).hello()
        client.send(Msg.EXT_INFO, one)
        self.assertFalse(client.closed)
        client.send(Msg.EXT_INFO, one)
        self.assertTrue(client.closed)
        client = Client(Server()).hello()
        client.send(Msg.EXT_INFO, U32.pack(0xFFFFFFFF) + one)
        self.assertTrue(client.closed)


class Ending(SynchronousTestCase):
    """However a connection ends, everything that hung on it ends once."""

    def test_vanished(self) -> None:
        """The subsystem hears ``lost``, the avatar is logged out, no timer is left but the shared one."""
        server = Server()
        client = Client(server).login()
        _, recorder = client.subsystem(Recorder())
        client.vanish()
        self.assertEqual(recorder.events, ["connected", "lost"])
        self.assertEqual(server.realm.logouts, 1)

    def test_disconnect(self) -> None:
        """The client's DISCONNECT is not answered."""
        client = Client(Server()).login()
        client.send(Msg.DISCONNECT, U32.pack(11) + string(b"bye") + string(b""))
        self.assertTrue(client.closed)
        self.assertEqual(client.messages, [])

    def test_nothing_after_refusal(self) -> None:
        """What a client still sends after we hung up is not looked at."""
        client = Client(Server()).login()
        channel, recorder = client.subsystem(Recorder())
        refused = client.sealer.seal(bytes((Msg.NEWKEYS,)))
        client.raw(refused + bytes(client.sealer.seal_data(channel, [b"late"], 4, 1024)))
        self.assertEqual(recorder.got, b"")
        client.write(channel, b"later")
        self.assertEqual(recorder.got, b"")

    def test_client_that_does_not_read(self) -> None:
        """The socket of one that never takes our DISCONNECT is closed after a while."""
        client = Client(Server()).login()
        client.send(Msg.NEWKEYS)
        self.assertFalse(client.wire.aborted)
        client.clock.advance(LINGER)
        self.assertTrue(client.wire.aborted)

    def test_our_fault(self) -> None:
        """A subsystem that fails takes its own connection with it, and is logged."""

        class Failing(Recorder):
            def received(self, pieces: Sequence[memoryview]) -> None:
                raise ZeroDivisionError

        client = Client(Server()).login()
        channel, _ = client.subsystem(Failing())
        client.write(channel, b"x")
        self.assertEqual(client.reason(), (Reason.BY_APPLICATION, b"internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_failing_end(self) -> None:
        """A subsystem whose ``lost`` fails does not keep the others from hearing it."""

        class Failing(Recorder):
            def lost(self) -> None:
                raise ZeroDivisionError

        server = Server()
        client = Client(server).login()
        client.subsystem(Failing())
        _, other = client.subsystem(Recorder())
        client.vanish()
        self.assertEqual(other.events, ["connected", "lost"])
        self.assertEqual(server.realm.logouts, 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_close_from_our_side(self) -> None:
        """``loseConnection`` says DISCONNECT, and lets go of TCP so that it can close."""
        client = Client(Server()).login()
        client.transport.loseConnection()
        client.pump()
        self.assertEqual(client.reason()[0], Reason.BY_APPLICATION)
        self.assertIsNone(client.wire.producer)
