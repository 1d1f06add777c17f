"""How we speak HTTP to an identity service: real sockets on loopback, since requests and TLS are what is tested."""

import contextlib
import datetime
import functools
import gzip
import http.server
import json
import ssl
import threading
import time
from ipaddress import ip_address
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from swftp.auth.logins import parse
from swftp.auth.refusals import Down
from swftp.auth.settings import AuthSettings
from swftp.auth.tokens import BoundedAdapter, Credential, IdentityService
from tests.auth.fakes import SECRET, at_once, clock

GOOD = {"X-Auth-Token": "t", "X-Storage-Url": "https://s.test/v1/A", "X-Auth-Token-Expires": "60"}


def certificate(directory):
    """Files of a certificate for 127.0.0.1 that nobody trusts, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "identity")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / "cert.pem").write_bytes(made.public_bytes(pem))
    (directory / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return directory / "cert.pem", directory / "key.pem"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        with contextlib.suppress(OSError):  # the client may hang up on us
            self.server.answer(self)

    do_POST = do_GET

    def log_message(self, *_):
        pass

    def respond(self, status=200, headers=GOOD, body=b""):
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            if text:
                self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that does not trust us is no error of the test."""


class TransportTests(SynchronousTestCase):
    def serve(self, answer=Handler.respond, tls=None):
        server = Server(("127.0.0.1", 0), Handler)
        server.seen, server.answer = [], answer
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        return server

    def ask(self, path="/auth/v1.0", login="test:tester", adapter=None, **settings):
        settings = AuthSettings(auth_url=self.url + path, **settings)
        service = IdentityService(settings, clock(), at_once, adapter)
        return service.authenticate(Credential(parse(login, settings), SECRET))

    def certified(self):
        directory = Path(self.mktemp())
        directory.mkdir()
        return certificate(directory)

    def test_granted(self):
        """A reply over a real connection is understood."""
        server = self.serve()
        self.assertEqual(self.successResultOf(self.ask()).token, "t")
        self.assertEqual(server.seen[0][1]["X-Auth-Key"], SECRET)

    def test_untrusted(self):
        """A certificate that nobody vouches for is refused before the secret is sent; the log says what to do."""
        server = self.serve(tls=self.certified())
        self.assertIn("cacert", self.failureResultOf(self.ask(), Down).value.reason)
        self.assertEqual(server.seen, [])

    def test_own_authority(self):
        """A certificate authority of one's own is trusted when it is named."""
        cert, key = self.certified()
        self.serve(tls=(cert, key))
        self.successResultOf(self.ask(cacert=str(cert)))

    def test_wrong_host(self):
        """A trusted certificate of another host is refused."""
        cert, key = self.certified()
        server = self.serve(tls=(cert, key))
        self.url = self.url.replace("127.0.0.1", "localhost")
        self.failureResultOf(self.ask(cacert=str(cert)), Down)
        self.assertEqual(server.seen, [])

    def test_insecure(self):
        """Without verification it goes through, as asked for."""
        self.serve(tls=self.certified())
        self.successResultOf(self.ask(insecure=True))

    def test_redirect(self):
        """The secret does not follow a redirect, be it to the same host."""
        server = self.serve(lambda request: request.respond(307, {"Location": "/elsewhere"}))
        self.assertIn("redirect", self.failureResultOf(self.ask(), Down).value.reason)
        self.assertEqual(len(server.seen), 1)

    def test_discovery_to_plain_text(self):
        """An https service whose discovery names http URLs gets no secret over them."""
        plain = self.serve()
        target = self.url
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": f"{target}/v3/"}]}
        body = json.dumps({"versions": {"values": [version]}}).encode()
        cert, key = self.certified()
        self.serve(lambda request: request.respond(300, {"Content-Type": "application/json"}, body), tls=(cert, key))
        self.failureResultOf(self.ask("", login="tester", cacert=str(cert)), Down)
        self.assertEqual(plain.seen, [])

    def test_endpoint_in_plain_text(self):
        """Nor does a plugin that is told to take the secret there over http, beside an https service."""
        plain = self.serve()
        options = {"identity_provider": "idp", "protocol": "openid", "client_id": "us", "client_secret": "x"}
        options["access_token_endpoint"] = self.url + "/token"
        cert, key = self.certified()
        self.serve(tls=(cert, key))
        answer = self.ask("/v3", "tester", cacert=str(cert), auth_type="v3oidcpassword", options=options)
        self.failureResultOf(answer, Down)
        self.assertEqual(plain.seen, [])

    def test_endless_reply(self):
        """A reply is read so far and no further."""

        def endless(request):
            request.respond(200, {**GOOD, "Content-Length": "1000000000"})
            while True:
                request.wfile.write(bytes(65536))

        self.serve(endless)
        self.failureResultOf(self.ask(adapter=BoundedAdapter(1 << 20, 30.0, 1)), Down)

    def test_dripping_reply(self):
        """A reply that comes byte by byte, each in time, does not hold a thread for ever."""

        def dripping(request):
            request.respond(200, {**GOOD, "Content-Length": "1000000"})
            while True:
                request.wfile.write(b"x")
                time.sleep(0.01)

        self.serve(dripping)
        started = time.monotonic()
        self.failureResultOf(self.ask(adapter=BoundedAdapter(1 << 20, 0.2, 1)), Down)
        self.assertLess(time.monotonic() - started, 5)

    def test_bodies(self):
        """Compressed, chunked and empty replies are whole; one that breaks off is an outage."""
        text = json.dumps({"token": "x" * 100_000}).encode()
        for headers, sent in (
            ({"Content-Encoding": "gzip"}, gzip.compress(text)),
            ({"Transfer-Encoding": "chunked", "Content-Length": ""}, b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)),
            ({}, text),
        ):
            with self.subTest(headers=headers):
                self.serve(lambda request, headers=headers, sent=sent: request.respond(200, headers, sent))
                self.assertEqual(self.fetch().content, text)
        self.serve(lambda request: request.respond(200, {"Content-Length": "0"}))
        self.assertEqual(self.fetch().content, b"")
        self.serve(self.broken)
        self.assertRaises(requests.ConnectionError, self.fetch)
        self.failureResultOf(self.ask(), Down)

    def fetch(self):
        http = requests.Session()
        self.addCleanup(http.close)
        http.mount("http://", BoundedAdapter(1 << 20, 30.0, 1))
        return http.get(self.url)

    def broken(self, request):
        request.respond(200, {**GOOD, "Content-Length": "100"}, b"half")
        request.close_connection = True

    def test_silence(self):
        """A service that says nothing is given up."""
        done = threading.Event()
        self.serve(lambda request: done.wait(10))
        self.assertIn("in time", self.failureResultOf(self.ask(timeout=0.2), Down).value.reason)
        done.set()

    def test_refused_connection(self):
        """Nobody there is an outage."""
        self.serve().server_close()
        self.assertIn("no connection", self.failureResultOf(self.ask(), Down).value.reason)

    def test_no_cookies(self):
        """What a service wants us to remember of one user is not sent with the next."""
        server = self.serve(lambda request: request.respond(200, {**GOOD, "Set-Cookie": "session=ann; Path=/"}))
        settings = AuthSettings(auth_url=self.url + "/auth/v1.0")
        service = IdentityService(settings, clock(), at_once)
        for name in ("test:ann", "test:bob"):
            self.successResultOf(service.authenticate(Credential(parse(name, settings), SECRET)))
        self.assertEqual(len(server.seen), 2)
        self.assertNotIn("Cookie", server.seen[1][1])

    def test_environment(self):
        """Neither a proxy nor a ~/.netrc of whoever started us has a say."""
        home = Path(self.mktemp())
        home.mkdir()
        (home / ".netrc").write_text("default login netrc password netrc\n")
        self.patch_environment(HOME=str(home), http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1")
        server = self.serve()
        self.successResultOf(self.ask())
        self.assertNotIn("Authorization", server.seen[0][1])

    def patch_environment(self, **variables):
        import os

        before = dict(os.environ)
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)
        os.environ.update(variables)
