"""
Certificates, and the TLS context of each control connection.

The law: a data connection belongs to the control connection whose session it resumes (RFC 4217 section 10).  Every
control connection gets a context of its own, and with it keys for tickets that no other has: what its data
connections resume can only be a session of its own.  What was in the files, parsed, all share.
"""

from __future__ import annotations

import os
import re
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from swftp.config.files import expanded
from swftp.ftp.secure import Secured

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; all of TLS 1.3 are AEAD with forward secrecy."""
TICKETS = 8
"""Of TLS 1.3, to a control connection: clients use each once (RFC 8446 appendix C.4), uploads bring no new ones."""
CERTIFICATE = re.compile(rb"-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----")
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
"""How what OpenSSL takes begins; of a file without, it says "no start line"."""
LOOK = 10.0
"""Seconds between looks at the files."""


class TlsProblem(Exception):
    """Certificate, key or authorities cannot be used.

    :ivar option: the field of `TlsFiles` it is about.
    """

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(reason)
        self.option = option
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where things are, and how they are used."""

    certificate: str
    """PEM file of the certificate and those that lead to its authority, perhaps of the key, too."""
    key: str = ""
    """PEM file of the key; empty: it is in *certificate*."""
    client_ca: str = ""
    """PEM file of the authorities of client certificates; empty: clients are not asked for one."""
    client_crl: str = ""
    """PEM file of their lists of revoked certificates, of each of them one; empty: none is looked at."""
    require_client: bool = False
    """Refuse a control connection without a client certificate."""
    minimum: str = "1.2"
    """Lowest version of TLS: ``1.2`` or ``1.3``."""
    resume: bool = True
    """Whether data connections may resume the session of their control connection."""


class Tls:
    """The process's: what all contexts are made of."""

    def __init__(self, files: TlsFiles, clock: Any, tell: Callable[[str], None] = lambda text: None) -> None:
        """
        :param clock: an `IReactorTime`.
        :param tell: told what is wrong with changed files, which are then not used.
        :raises TlsProblem: they cannot be used.
        """
        self._files = files
        self._clock = clock
        self._tell = tell
        self._stamp = self._stat()
        self._looked = clock.seconds()
        self._material = _Material(files)

    def reload(self) -> None:
        """
        Use the files as they are now for connections to come.

        :raises TlsProblem: they cannot be used, and those of before are.
        """
        stamp = self._stat()
        self._material = _Material(self._files)
        self._stamp = stamp

    def session(self) -> TlsSession:
        """For one control connection; files that have changed are used from then on, if they can be."""
        now = self._clock.seconds()
        if now - self._looked >= LOOK:
            self._looked = now
            if self._stat() != self._stamp:
                try:
                    self.reload()
                except TlsProblem as problem:
                    self._tell(f"{problem.option}: {problem.reason}")
        return TlsSession(self._material, self._files.resume)

    def _stat(self) -> tuple[object, ...]:
        stamp: list[object] = []
        for name in (self._files.certificate, self._files.key, self._files.client_ca, self._files.client_crl):
            try:
                status = expanded(name).stat() if name else None
            except OSError:
                status = None
            stamp.append(status and (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode))
        return tuple(stamp)


class TlsSession:
    """One control connection's."""

    def __init__(self, material: _Material, resume: bool) -> None:
        self._material = material
        self._resume = resume
        self._context = material.context()

    def protect(self, protocol: Any) -> Secured:
        """
        Speak TLS from now on over ``protocol.transport``, which becomes what is returned.

        A *protocol* that provides `IHandshakeListener` is told when the handshake is over.
        """
        return Secured(protocol, self._context, self._material.shown)

    def protect_data(self, protocol: Any, *, receiving: bool, tied: bool = False) -> Secured:
        """
        As `protect`, for a data connection of this control connection.

        :param tied: it fails with `NotResumed` unless it resumes the session of this control connection.  That is
            said before anything is agreed: a stranger who got as far as a session would resume that one next time.
        :param receiving: the client only writes.  It gets no tickets: those that it never reads would turn its close
            into a reset, which takes with it what we have not read yet (seen with rclone and ftplib).
        """
        # a context that is new resumes nothing
        context = self._context if self._resume else self._material.context()
        context.num_tickets = 0 if receiving or not self._resume else 1
        context.sni_callback = _refuse_new if tied else None
        context.verify_mode = min(context.verify_mode, ssl.CERT_OPTIONAL)  # the control connection's is what counts
        return Secured(protocol, context, self._material.shown, half=not receiving)


def _refuse_new(tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> int | None:
    """Called when a client's hello was read, whether or not it names a server; gives the alert to fail with."""
    return None if tls.session_reused else ssl.ALERT_DESCRIPTION_ACCESS_DENIED


class _Material:
    """
    What was in the files.

    :ivar shown: the context that has all of it.  OpenSSL takes from there what is shown to clients and what they are
        verified by, and from that which a connection began with the keys of its tickets (``SSL_set_SSL_CTX``).
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._certificate = _read("certificate", files.certificate, secret=not files.key)
        self._key = _read("key", files.key, secret=True) if files.key else b""
        try:
            self._authorities = _read("client_ca", files.client_ca).decode("ascii") if files.client_ca else ""
        except UnicodeDecodeError:
            raise TlsProblem("client_ca", f"{files.client_ca}: no PEM file") from None
        self._revoked = _read("client_crl", files.client_crl) if files.client_crl else b""
        self.shown = self.context()
        self.shown.set_alpn_protocols(["ftp"])
        self._load(self.shown)
        if self._authorities:
            try:
                self.shown.load_verify_locations(cadata=self._authorities)
            except (ssl.SSLError, ValueError) as error:
                raise TlsProblem("client_ca", f"{files.client_ca}: {_reason(error)}") from error
        if files.client_crl:
            self._load_revoked(self.shown)

    def context(self) -> ssl.SSLContext:
        """A new one, to begin a connection with that goes on with `shown`."""
        files = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3 if files.minimum == "1.3" else ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_ciphers(CIPHERS)
        context.num_tickets = TICKETS if files.resume else 0
        if self._authorities:
            context.verify_mode = ssl.CERT_REQUIRED if files.require_client else ssl.CERT_OPTIONAL
        if files.client_crl:
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        """
        The certificate and its key.

        The standard library takes them from files alone; ours may be gone or changed by half, or no longer ours to
        read, so it gets what we have read.
        """
        option = "key" if self._files.key else "certificate"
        if not CERTIFICATE.search(self._certificate):
            raise TlsProblem("certificate", f"{self._files.certificate}: holds no certificate")
        if not KEY.search(self._key or self._certificate):
            raise TlsProblem(option, f"{self._files.key or self._files.certificate}: holds no private key")
        try:
            with _named(self._key + b"\n" + self._certificate) as name:
                context.load_cert_chain(name, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise TlsProblem(option, f"{self._files.key or self._files.certificate}: {_reason(error)}") from error

    def _load_revoked(self, context: ssl.SSLContext) -> None:
        """The lists of revoked certificates; see `_load`."""
        try:
            with _named(self._revoked) as name:
                context.load_verify_locations(name)
        except ssl.SSLError as error:
            raise TlsProblem("client_crl", f"{self._files.client_crl}: {_reason(error)}") from error
        if not context.cert_store_stats()["crl"]:
            raise TlsProblem("client_crl", f"{self._files.client_crl}: holds no list of revoked certificates")


@contextmanager
def _named(content: bytes) -> Iterator[str]:
    """The name of a file that has *content*, in memory."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _no_password() -> str:
    """Rather than ask for one at the terminal."""
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else str(error) or "cannot be used"


def _read(option: str, name: str, *, secret: bool = False) -> bytes:
    """The file *name*; where it holds a *secret*, only we, root and a group may read it, and only we change it."""
    path = expanded(name)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if secret and mode & (stat.S_IRWXO | stat.S_IWGRP):
                words = f"others can read or change the key in it (mode {mode & 0o777:04o}); allowed: 0600 or 0640"
                raise TlsProblem(option, f"{name}: {words}")
            return file.read()
    except (OSError, RuntimeError) as error:
        raise TlsProblem(option, f"{name}: {getattr(error, 'strerror', error)}") from error
