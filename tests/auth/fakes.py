"""An identity service without a network, and threads that run when the test says so."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import eventAsJSON, eventAsText, globalLogPublisher
from twisted.python.failure import Failure

from swftp.interfaces import Access

V1_URL = "http://identity.test/auth/v1.0"
V3_URL = "http://identity.test/v3"
SECRET = "correct horse battery staple"


def reply(status, body="", **headers):
    """A `requests.Response`; underscores in the names of *headers* are dashes."""
    response = requests.Response()
    response.status_code = status
    response.headers = CaseInsensitiveDict({name.replace("_", "-"): text for name, text in headers.items()})
    response._content = (body if isinstance(body, str) else json.dumps(body)).encode()
    return response


class FakeIdentity(BaseAdapter):
    """
    TempAuth and Keystone v3 as far as a login sees them, as a transport of requests.

    Verified: `tests/functional/test_auth.py` asks the real ones the same.
    """

    def __init__(self):
        super().__init__()
        self.users = {"test:tester": SECRET, "tester": SECRET}
        self.credentials = {"cred-id": SECRET}
        self.life = 3600
        self.storage_url = "http://storage.test/v1/AUTH_test"
        self.catalog = None
        self.faults = []
        self.requests = []
        self.asked = 0
        self.issued = 0

    def close(self):
        """As of `BaseAdapter`."""

    def send(self, request, **options):
        """As of `BaseAdapter`."""
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        response = fault if fault is not None else self._answer(request)
        response.request, response.url = request, request.url
        return response

    def _answer(self, request):
        if request.url == V1_URL:
            return self._v1(request)
        if request.method == "GET":
            version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": V3_URL}]}
            return reply(200, {"version": version}, Content_Type="application/json")
        return self._v3(json.loads(request.body)["auth"])

    def _v1(self, request):
        self.asked += 1
        name, key = (request.headers[header].encode("latin-1").decode() for header in ("X-Auth-User", "X-Auth-Key"))
        if self.users.get(name) != key:
            return reply(401, "<html>")
        self.issued += 1
        token = f"token-{self.issued}"
        return reply(
            200,
            X_Auth_Token=token,
            X_Storage_Token=token,
            X_Storage_Url=self.storage_url,
            X_Auth_Token_Expires=str(self.life),
        )

    def _v3(self, auth):
        self.asked += 1
        self.auth = auth
        (method,) = auth["identity"]["methods"]
        proof = auth["identity"][method]
        if method == "password":
            good = self.users.get(proof["user"].get("name")) == proof["user"]["password"]
        else:
            secret = self.credentials.get(proof.get("id", proof.get("name")))
            if secret is None:
                return reply(404, {"error": {"code": 404, "message": "no", "title": "Not Found"}})
            good = secret == proof["secret"]
        if not good:
            return reply(401, {"error": {"code": 401, "message": "no", "title": "Unauthorized"}})
        self.issued += 1
        now = datetime.now(UTC) - timedelta(hours=7)  # a clock that is not ours
        endpoints = [
            {"interface": "public", "region": "one", "region_id": "one", "id": "1", "url": self.storage_url},
            {"interface": "internal", "region": "one", "region_id": "one", "id": "2", "url": "http://in.test/v1/A"},
            {"interface": "public", "region": "two", "region_id": "two", "id": "3", "url": "http://two.test/v1/A"},
        ]
        token = {
            "issued_at": now.isoformat(),
            "expires_at": (now + timedelta(seconds=self.life)).isoformat(),
            "methods": [method],
            "user": {"id": "u", "name": "tester", "domain": {"id": "default", "name": "Default"}},
            "catalog": [{"type": "object-store", "name": "swift", "id": "s", "endpoints": endpoints}],
        }
        if self.catalog is not None:
            token["catalog"] = self.catalog
        return reply(201, {"token": token}, X_Subject_Token=f"token-{self.issued}")


def at_once(function):
    """In place of a thread pool: now, here."""
    return maybeDeferred(function)


class Threads:
    """In place of a thread pool: when `run` is called."""

    def __init__(self):
        self.waiting = []

    def __call__(self, function):
        done = Deferred()
        self.waiting.append((function, done))
        return done

    def run(self, count=None):
        """Do the first *count* (all) of what waits."""
        work = self.waiting[:count]
        del self.waiting[:count]
        for function, done in work:
            try:
                result = function()
            except Exception:
                result = Failure()
            if not done.called:
                done.callback(result)


class Asked:
    """In place of `IdentityService.authenticate`: notes who asks, and answers when the test does."""

    def __init__(self):
        self.credentials = []
        self.pending = []

    def __call__(self, credential):
        answer = Deferred()
        self.credentials.append(credential)
        self.pending.append(answer)
        return answer

    def answer(self, result):
        """To the one request that is under way."""
        (pending,) = self.pending
        self.pending.clear()
        pending.callback(Failure(result) if isinstance(result, Exception) else result)

    def end(self):
        """Answer whatever still waits at the end of a test, and what is asked for because of that."""
        while self.pending:
            self.pending.pop().callback(Access("token", "http://s.test/v1/A", math.inf))


def clock(now=1_000_000.0):
    """A clock that stands at *now*."""
    held = Clock()
    held.advance(now)
    return held


class Journal(list):
    """All log events of one test; give it the test."""

    def __init__(self, test):
        super().__init__()
        globalLogPublisher.addObserver(self.append)
        test.addCleanup(globalLogPublisher.removeObserver, self.append)

    def lines(self, event):
        """Events of this kind."""
        return [entry for entry in self if entry.get("event") == event]

    def everything(self):
        """All that any observer could write of them."""
        return "\n".join(eventAsText(event) + eventAsJSON(event) + repr(event) for event in self)
