"""
A real OpenStack Keystone (Identity v3) on loopback, SQLite below, waitress before it: one child process.

Everything it knows is listed in `USERS`; what tests add goes through `Keystone.call`.
"""

from __future__ import annotations

import functools
import getpass
import grp
import json
import os
import sys
import urllib.request
import uuid
from typing import Any

from tests.functional.processes import Child, answers, free_port, scratch

CONF = """\
[DEFAULT]
log_file = {home}/keystone.log
[database]
connection = sqlite:///{home}/keystone.db
[fernet_tokens]
key_repository = {home}/fernet-keys
[fernet_receipts]
key_repository = {home}/fernet-keys
[credential]
key_repository = {home}/credential-keys
[identity]
password_hash_rounds = 4
[cache]
enabled = false
"""
SERVER = """
import os, sys, threading
conf, port, *sys.argv[1:] = sys.argv[1:]
from keystone.cmd import cli, manage
for command in COMMANDS:                    # each in a process of its own, but all of Keystone imported only once
    pid = os.fork()
    if not pid:
        sys.argv[1:] = ["--config-file", conf, *command]
        sys.exit(manage.main())
    if os.waitpid(pid, 0)[1]:
        sys.exit(f"keystone-manage {command[0]} failed")
from keystone.wsgi.api import application
import waitress
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
waitress.serve(application, listen=f"127.0.0.1:{port}", threads=4)
"""
ADMIN_PASSWORD = "adminpass"
USERS = (
    ("default", "service", "swift", "swiftpass", "admin"),
    ("default", "test", "tester", "testing", "member"),
    ("default", "test", "reader", "reading", "reader"),
    ("default", "a/b@c", "odd@example.org", "odd/pass word", "member"),
    ("other", "test", "tester", "otherpass", "member"),
)
"""Domain, project, user, password, role."""


class Keystone:
    """A running Keystone; ``url`` ends in ``/v3``."""

    def __init__(self) -> None:
        self.home = scratch() / f"keystone-{uuid.uuid4().hex[:6]}"
        self.home.mkdir()
        self.conf = self.home / "keystone.conf"
        self.conf.write_text(CONF.format(home=self.home))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/v3"
        env = {"OS_KEYSTONE_CONFIG_FILES": str(self.conf), "OS_KEYSTONE_CONFIG_DIR": str(self.home)}
        script = SERVER.replace("COMMANDS", repr(self._setup()))
        argv = [sys.executable, "-W", "ignore", "-c", script, str(self.conf), str(port)]
        self.child = Child(self.home.name, argv, env)
        self.child.wait_for(lambda: answers(port), 120)
        self.token = ""
        self.domains = {"default": "default"}
        self.projects: dict[tuple[str, str], str] = {}
        self.users: dict[tuple[str, str], str] = {}
        self._provision()

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> tuple[Any, Any]:
        """Headers and JSON of Keystone's answer, asked as the administrator or with *token*."""
        headers = {"Content-Type": "application/json"}
        if token or self.token:
            headers["X-Auth-Token"] = token or self.token
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers, json.loads(answer.read() or b"{}")

    def sign_in(self, user: str, password: str, project: str, domain: str = "default") -> str:
        """A token."""
        of_domain = {"id": self.domains[domain]}
        identity = {"methods": ["password"], "password": {"user": {"name": user, "domain": of_domain}}}
        identity["password"]["user"]["password"] = password  # type: ignore[index]
        scope = {"project": {"name": project, "domain": of_domain}}
        body = {"auth": {"identity": identity, "scope": scope}}
        token: str = self.call("POST", "/auth/tokens", body)[0]["X-Subject-Token"]
        return token

    def application_credential(self, user: str, password: str, project: str, **fields: object) -> dict[str, str]:
        """``id``, ``name`` and ``secret`` of a new application credential of *user*."""
        token = self.sign_in(user, password, project)
        path = f"/users/{self.users['default', user]}/application_credentials"
        body = {"application_credential": {"name": f"cred-{uuid.uuid4().hex[:6]}", **fields}}
        made: dict[str, str] = self.call("POST", path, body, token)[1]["application_credential"]
        return made

    def set_password(self, user: str, password: str) -> None:
        """Change a password; Keystone revokes the user's tokens."""
        self.call("PATCH", f"/users/{self.users['default', user]}", {"user": {"password": password}})

    def offer_storage(self, url: str) -> None:
        """Put the Swift at *url* into the catalogue."""
        service = self._make("service", name="swift", type="object-store")
        for interface in ("public", "internal"):
            self._make(
                "endpoint", interface=interface, service_id=service, region_id="RegionOne",
                url=f"{url}/v1/KEY_$(project_id)s",
            )  # fmt: skip

    def _setup(self) -> list[list[str]]:
        """What keystone-manage is told first."""
        owner = ["--keystone-user", getpass.getuser(), "--keystone-group", grp.getgrgid(os.getegid()).gr_name]
        urls = [f"--bootstrap-{interface}-url={self.url}" for interface in ("public", "internal", "admin")]
        return [
            ["db_sync"],
            ["fernet_setup", *owner],
            ["credential_setup", *owner],
            ["bootstrap", "--bootstrap-password", ADMIN_PASSWORD, "--bootstrap-region-id", "RegionOne", *urls],
        ]

    def _provision(self) -> None:
        self.token = self.sign_in("admin", ADMIN_PASSWORD, "admin")
        self.domains["other"] = self._make("domain", name="other")
        roles = {role["name"]: role["id"] for role in self.call("GET", "/roles")[1]["roles"]}
        for domain, project, user, password, role in USERS:
            where = {"domain_id": self.domains[domain]}
            if (domain, project) not in self.projects:
                self.projects[domain, project] = self._make("project", name=project, **where)
            self.users[domain, user] = self._make("user", name=user, password=password, **where)
            path = f"/projects/{self.projects[domain, project]}/users/{self.users[domain, user]}/roles/{roles[role]}"
            self.call("PUT", path)

    def _make(self, kind: str, **fields: object) -> str:
        made: str = self.call("POST", f"/{kind}s", {kind: fields})[1][kind]["id"]
        return made


@functools.cache
def keystone() -> Keystone:
    """The Keystone of this test process."""
    return Keystone()
