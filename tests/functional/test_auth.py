"""Logging in through real identity services: TempAuth and Keystone, by password, application credential and key."""

from __future__ import annotations

import contextlib
import functools
import socket
import time
from pathlib import Path
from typing import Any, ClassVar

import paramiko
from swiftclient import Connection
from twisted.trial.unittest import SynchronousTestCase

from tests.auth.contract import IdentityContract, KeystoneContract
from tests.functional.clients import Login
from tests.functional.gateway import Gateway
from tests.functional.keystone import USERS, Keystone, keystone
from tests.functional.processes import eventually, free_port, scratch
from tests.functional.swift import PASSWORD, USER, Swift, swift

HELLO = b"hello"


@functools.cache
def cloud() -> tuple[Keystone, Swift]:
    """A Keystone and a Swift that know each other."""
    identity = keystone()
    server = Swift("--keystone", identity.url)
    identity.offer_storage(server.url.removesuffix("/auth/v1.0"))
    return identity, server


def account(user: str, password: str, project: str, domain: str = "default") -> Connection:
    """The account of a project, seen by python-swiftclient."""
    identity, _server = cloud()
    ids = {"user_domain_id": identity.domains[domain], "project_domain_id": identity.domains[domain]}
    return Connection(
        authurl=identity.url,
        user=user,
        key=password,
        tenant_name=project,
        auth_version="3",
        os_options=ids,
        retries=1,
    )


@functools.cache
def credential(**fields: object) -> dict[str, str]:
    """An application credential of tester."""
    identity, _server = cloud()
    return identity.application_credential("tester", "testing", "test", **fields)


class TempAuthTests(IdentityContract, SynchronousTestCase):
    login, secret = USER, PASSWORD

    def setUp(self) -> None:
        self.url = swift().url


class KeystoneTests(KeystoneContract, SynchronousTestCase):
    login, secret = "tester/test", "testing"

    def setUp(self) -> None:
        self.url = cloud()[0].url
        self.credential = credential()["id"], credential()["secret"]


class LoginCase(SynchronousTestCase):
    """A gateway before Keystone."""

    options: ClassVar[dict[str, object]] = {}
    shared: ClassVar[Gateway | None] = None

    def setUp(self) -> None:
        self.identity, self.server = cloud()
        self.gateway = self.make_gateway()
        self.gateway.complaints()
        self.addCleanup(self.judge)

    def make_gateway(self) -> Gateway:
        cls = type(self)
        if cls.shared is None:
            cls.shared = Gateway(self.identity.url, {"auth.project_name": "test", **self.options})
        return cls.shared

    def judge(self) -> None:
        self.assertEqual(self.gateway.complaints(), "", "in the gateway's log")
        log = self.gateway.log()
        secrets = [password for *_, password, _role in USERS]
        shown = [secret for secret in (*secrets, "gAAAA") if secret in log]  # so Fernet tokens begin
        self.assertEqual(shown, [])

    def enter(self, user: str, password: str) -> Login:
        session = Login(self.gateway.port, user, password)
        self.addCleanup(session.close)
        return session

    def refused(self, user: str, password: str) -> None:
        with self.assertRaises(paramiko.AuthenticationException):
            Login(self.gateway.port, user, password)

    def container(self, client: Login, name: str) -> str:
        """A container of that client, made once."""
        with contextlib.suppress(OSError):
            client.mkdir(f"/{name}")
        return f"/{name}"

    def assertWrites(self, client: Login, store: Connection, box: str) -> None:
        """What *client* writes is what is in *store*."""
        path = self.container(client, box)
        client.put_bytes(f"{path}/hello", HELLO)
        self.assertEqual(store.get_object(box, "hello")[1], HELLO)
        self.assertEqual(client.get_bytes(f"{path}/hello"), HELLO)


class PasswordTests(LoginCase):
    def test_defaults(self) -> None:
        """A bare user is one of the default domain, in the configured project."""
        self.assertWrites(self.enter("tester", "testing"), account("tester", "testing", "test"), "defaults")

    def test_full(self) -> None:
        """user@domain/project@domain is that user in that project."""
        client = self.enter("tester@Default/test@Default", "testing")
        self.assertWrites(client, account("tester", "testing", "test"), "full")

    def test_other_domain(self) -> None:
        """A user of the same name in another domain has another password and another account."""
        self.assertWrites(
            self.enter("tester@other/test", "otherpass"), account("tester", "otherpass", "test", "other"), "other"
        )
        self.assertNotIn("other", self.enter("tester", "testing").listdir("/"))
        self.refused("tester@other/test", "testing")
        self.refused("tester/test@other", "testing")

    def test_odd_names(self) -> None:
        """Names with @ and / are written with %40 and %2F."""
        client = self.enter("odd%40example.org/a%2Fb%40c", "odd/pass word")
        self.assertWrites(client, account("odd@example.org", "odd/pass word", "a/b@c"), "odd")
        self.refused("odd@example.org/a/b@c", "odd/pass word")

    def test_refused(self) -> None:
        """A wrong password, an unknown user, domain or project, and a project without a role are refused."""
        for user, password in (
            ("tester", "wrong"),
            ("nobody", "testing"),
            ("tester@nowhere", "testing"),
            ("tester/nothing", "testing"),
            ("tester/service", "testing"),
            ("appcred:nothing", "testing"),
            ("tester", "x" * 2000),
        ):
            with self.subTest(user=user):
                self.refused(user, password)
        self.assertNotIn("unavailable", self.gateway.log())

    def test_reader(self) -> None:
        """A user with the role reader reads, and is told that writing is not allowed."""
        writer = self.enter("tester", "testing")
        box = self.container(writer, "library")
        writer.put_bytes(f"{box}/hello", HELLO)
        reader = self.enter("reader", "reading")
        self.assertIn("library", reader.listdir("/"))
        self.assertEqual(reader.get_bytes(f"{box}/hello"), HELLO)
        for attempt in (
            lambda: reader.put_bytes(f"{box}/new", HELLO),
            lambda: reader.put_bytes(f"{box}/hello", b"changed"),
            lambda: reader.remove(f"{box}/hello"),
            lambda: reader.mkdir("/newbox"),
            lambda: reader.mkdir(f"{box}/new"),
            lambda: reader.rename(f"{box}/hello", f"{box}/moved"),
        ):
            self.assertRaises(PermissionError, attempt)
        self.assertEqual(writer.get_bytes(f"{box}/hello"), HELLO)
        self.assertEqual(writer.listdir(box), ["hello"])


class ApplicationCredentialTests(LoginCase):
    def test_by_id(self) -> None:
        """appcred:ID with its secret is the user's access to its project."""
        made = credential()
        client = self.enter(f"appcred:{made['id']}", made["secret"])
        self.assertWrites(client, account("tester", "testing", "test"), "appcred")
        self.refused(f"appcred:{made['id']}", "wrong")
        self.assertNotIn(made["secret"], self.gateway.log())

    def test_by_name(self) -> None:
        """appcred:NAME/USER@DOMAIN as well."""
        made = credential()
        client = self.enter(f"appcred:{made['name']}/tester@Default", made["secret"])
        client.listdir("/")


class RenewalTests(LoginCase):
    def outlaw(self, user: str) -> None:
        """Have Keystone revoke all tokens of *user*, and Swift notice."""
        path = f"/users/{self.identity.users['default', user]}"
        for enabled in (False, True):
            self.identity.call("PATCH", path, {"user": {"enabled": enabled}})
        time.sleep(2.5)  # revocation counts in seconds, and Swift remembers tokens for one

    def test_revoked(self) -> None:
        """A token revoked in mid-session is replaced without the client noticing, for all its sessions."""
        sessions = [self.enter("tester", "testing") for _ in range(3)]
        box = self.container(sessions[0], "revoked")
        file = sessions[0].open(f"{box}/large", "wb")
        file.write(HELLO)
        self.outlaw("tester")
        for number, session in enumerate(sessions):
            session.put_bytes(f"{box}/{number}", HELLO)
        file.write(HELLO)
        file.close()
        store = account("tester", "testing", "test")
        self.assertEqual(store.get_object("revoked", "large")[1], HELLO * 2)
        self.assertEqual(sorted(sessions[1].listdir(box)), ["0", "1", "2", "large"])

    def test_password_changed(self) -> None:
        """A session whose password was changed ends in refusals; logins want the new one, cache or no cache."""
        session = self.enter("reader", "reading")
        session.listdir("/")
        self.identity.set_password("reader", "reading2")
        self.addCleanup(self.identity.set_password, "reader", "reading")
        time.sleep(2.5)
        self.assertRaises(PermissionError, session.listdir, "/")
        self.refused("reader", "reading")
        self.enter("reader", "reading2").listdir("/")


class OutageTests(LoginCase):
    options = {"throttle.most": 600}

    def make_gateway(self) -> Gateway:
        return Gateway(f"http://127.0.0.1:{free_port()}/v3", self.options)

    def test_down(self) -> None:
        """Without identity service nobody gets in, the log says why, and nobody is punished for it."""
        for _ in range(6):
            self.refused("tester/test", "testing")
        said = "no connection to the identity service"
        self.assertTrue(eventually(lambda: self.gateway.log().count(said) >= 6))
        log = self.gateway.log()
        self.assertEqual(log.count(said), 6)
        self.assertNotIn("wrong name or secret", log)


class KeyTests(LoginCase):
    """Keys that stand for stored credentials of Keystone."""

    def make_gateway(self) -> Gateway:
        self.key = paramiko.ECDSAKey.generate()
        folder = scratch()
        public = f"{self.key.get_name()} {self.key.get_base64()}"
        made = credential()
        self.keys = self.write(folder / "keys", f'login="backup",credential="app",root="/keys" {public}\n')
        stored = self.write(
            folder / "stored",
            f"[app]\napplication_credential_id = {made['id']}\napplication_credential_secret = {made['secret']}\n",
        )
        options = {"auth.authorized_keys": self.keys, "auth.credentials": stored}
        return Gateway(self.identity.url, options)

    def write(self, path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o600)
        return path

    def offer(self, user: str, key: Any) -> paramiko.SFTPClient:
        transport = paramiko.Transport(socket.create_connection(("127.0.0.1", self.gateway.port), 20))
        self.addCleanup(transport.close)
        transport.connect(username=user, pkey=key)
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        return client

    def test_key(self) -> None:
        """A key gets in as the login its line names, below its root, and no other key or name does."""
        store = account("tester", "testing", "test")
        store.put_container("keys")
        client = self.offer("backup", self.key)
        with client.open("hello", "wb") as file:
            file.write(HELLO)
        self.assertEqual(store.get_object("keys", "hello")[1], HELLO)
        self.assertEqual(client.listdir("/"), ["hello"])
        for user, key in (("backup", paramiko.ECDSAKey.generate()), ("tester", self.key)):
            with self.assertRaises(paramiko.AuthenticationException):
                self.offer(user, key)
        self.keys.write_text("")
        self.assertTrue(eventually(self.gone, 10, 1))

    def gone(self) -> bool:
        try:
            self.offer("backup", self.key).close()
        except paramiko.AuthenticationException:
            return True
        return False
