"""Logging in by public key."""

from __future__ import annotations

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.keys import Key
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.refusals import LoginRefused
from swftp.ssh.settings import Settings
from swftp.ssh.wire import Msg, string
from tests.ssh.harness import USER_KEY, Client, Server
from tests.ssh.test_userauth import FAILURE, Checker, serving


def signed(client: Client, key: Key, algorithm: bytes, signature_algorithm: bytes | None = None) -> bytes:
    """What follows ``publickey`` in a request signed with *key*."""
    head = string(client.session_id or b"") + bytes((Msg.USERAUTH_REQUEST,)) + string(b"me")
    message = head + string(b"ssh-connection") + string(b"publickey") + b"\1" + string(algorithm)
    message += string(key.public().blob())
    signature = key.sign(message, signatureType=signature_algorithm or algorithm)
    return b"\1" + string(algorithm) + string(key.public().blob()) + string(signature)


class PublicKeys(SynchronousTestCase):
    def refused(self, checker: Checker, *rest: bytes) -> None:
        client = Client(serving(checker, failure_delay=0.0)).service()
        client.take(0)
        client.auth(b"publickey", *rest)
        self.assertEqual(client.messages, [(Msg.USERAUTH_FAILURE, FAILURE)])

    def test_login(self) -> None:
        """The question whether a key is good is answered; its signature logs in."""
        client = Client(Server()).service()
        client.take(0)
        blob = USER_KEY.public().blob()
        checker = Checker()
        checker.answer = ValidPublicKey()
        asking = Client(serving(checker)).service()
        asking.take(0)
        asking.auth(b"publickey", b"\0", string(b"ssh-ed25519"), string(blob))
        self.assertEqual(asking.messages, [(Msg.USERAUTH_REPLY, string(b"ssh-ed25519") + string(blob))])
        client.auth(b"publickey", signed(client, USER_KEY, b"ssh-ed25519"))
        self.assertEqual(client.numbers(), [Msg.USERAUTH_SUCCESS])

    def test_questions_are_free(self) -> None:
        """Asking about keys that are not good counts no failure and costs no delay: agents hold many keys."""
        checker = Checker()
        checker.answer = LoginRefused()
        client = Client(serving(checker, max_failures=2)).service()
        client.take(0)
        for _ in range(8):
            client.auth(b"publickey", b"\0", string(b"ssh-ed25519"), string(USER_KEY.public().blob()))
        self.assertEqual(client.messages, [(Msg.USERAUTH_FAILURE, FAILURE)] * 8)

    def test_another_key(self) -> None:
        """A signature by a key that is not the user's fails."""
        client = Client(Server(Settings(failure_delay=0.0))).service()
        client.take(0)
        client.auth(b"publickey", signed(client, Key(Ed25519PrivateKey.generate()), b"ssh-ed25519"))
        self.assertEqual(client.numbers(), [Msg.USERAUTH_FAILURE])

    def test_signature_of_another_session(self) -> None:
        """A signature is good for one session only."""
        client = Client(Server(Settings(failure_delay=0.0))).service()
        other = Client(Server()).service()
        client.take(0)
        client.auth(b"publickey", signed(other, USER_KEY, b"ssh-ed25519"))
        self.assertEqual(client.numbers(), [Msg.USERAUTH_FAILURE])

    def test_rsa(self) -> None:
        """RSA keys log in with SHA-2."""
        key = Key(rsa.generate_private_key(65537, 2048))
        for algorithm in (b"rsa-sha2-256", b"rsa-sha2-512"):
            checker = Checker()
            client = Client(serving(checker)).service()
            client.auth(b"publickey", signed(client, key, algorithm))
            self.assertEqual(client.numbers()[-1], Msg.USERAUTH_SUCCESS)
            (asked,) = checker.asked
            self.assertTrue(key.verify(asked.signature, asked.sigData))
            self.assertEqual((asked.username, asked.peer, asked.blob), (b"me", "192.0.2.1", key.public().blob()))

    def test_never_asked(self) -> None:
        """SHA-1, short RSA keys, DSA, names that do not fit the key, and garbage never get to a checker."""
        checker = Checker()
        client = Client(Server()).service()
        good, short = Key(rsa.generate_private_key(65537, 2048)), Key(rsa.generate_private_key(65537, 1024))
        old, curve = Key(dsa.generate_private_key(1024)), Key(ec.generate_private_key(ec.SECP256R1()))
        self.refused(checker, signed(client, good, b"ssh-rsa"))
        self.refused(checker, signed(client, good, b"rsa-sha2-512", b"ssh-rsa"))
        self.refused(checker, signed(client, good, b"rsa-sha2-512", b"rsa-sha2-256"))
        self.refused(checker, signed(client, short, b"rsa-sha2-512"))
        self.refused(checker, signed(client, old, b"ssh-dss"))
        self.refused(checker, signed(client, curve, b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp256"))
        for blob in (b"", b"x", string(b"ssh-ed25519"), string(b"ssh-ed25519") + string(b"x"), string(b"ssh-rsa")):
            for algorithm in (b"ssh-ed25519", b"rsa-sha2-256", b"ecdsa-sha2-nistp256", b"nonsense"):
                self.refused(checker, b"\0" + string(algorithm) + string(blob))
                self.refused(checker, b"\1" + string(algorithm) + string(blob) + string(b""))
        self.assertEqual(checker.asked, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_security_key(self) -> None:
        """What a security key signs holds its flags and counter; the checker gets both to judge them."""
        private = Ed25519PrivateKey.generate()
        raw = private.public_key().public_bytes_raw()
        name = b"sk-ssh-ed25519@openssh.com"
        blob = string(name) + string(raw) + string(b"ssh:")
        checker = Checker()
        client = Client(serving(checker)).service()
        session, flags = client.session_id or b"", b"\1\0\0\0\7"
        message = string(session) + bytes((Msg.USERAUTH_REQUEST,)) + string(b"me") + string(b"ssh-connection")
        message += string(b"publickey") + b"\1" + string(name) + string(blob)
        signature = private.sign(sha256(b"ssh:").digest() + flags + sha256(message).digest())
        whole = string(name) + string(signature) + flags
        client.auth(b"publickey", b"\1", string(name), string(blob), string(whole))
        (asked,) = checker.asked
        self.assertTrue(Key.fromString(blob).verify(asked.signature, asked.sigData))
        self.assertEqual(asked.signature[-5:], flags)
        for wrong in (whole[:-1], whole + b"x", string(name)):
            client = Client(serving(checker)).service()
            client.auth(b"publickey", b"\1", string(name), string(blob), string(wrong))
            self.assertTrue(client.closed)
