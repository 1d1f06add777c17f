"""
What makes an SSH server of a portal, host keys and settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.cred.portal import Portal
from twisted.internet.interfaces import IAddress, IReactorTime

from swftp.auth.limits import Admission, AdmissionLimits
from swftp.ssh.algorithms import RSA_MINIMUM
from swftp.ssh.settings import Settings
from swftp.ssh.transport import Transport
from swftp.ssh.windows import Windows
from swftp.timers import Timer, batched_timer


class Factory(SSHFactory):
    """
    Makes a `Transport` for each client.

    :ivar host_keys: signature algorithm -> private key.
    :ivar windows: of all channels.
    :ivar settings: with the policy cut down to what the host keys can sign.
    """

    protocol = Transport
    noisy = False

    def __init__(
        self,
        portal: Portal,
        host_keys: Sequence[Key],
        clock: IReactorTime,
        settings: Settings | None = None,
        admission: Admission | None = None,
        timer: Timer | None = None,
    ) -> None:
        """
        :param host_keys: private keys, at most one of a type.
        :param admission: shared by all listeners that share its limits.
        :param timer: shared by all listeners; by default one of our own.
        :raises ValueError: no host key that the policy allows, or an RSA key that is too short.
        """
        settings = settings or Settings()
        self.portal = portal
        self.clock = clock
        self.admission = admission or Admission(AdmissionLimits())
        self.timer = timer or batched_timer(clock)
        self.host_keys = _by_algorithm(host_keys)
        policy = settings.policy
        offered = tuple(name for name in policy.host_keys if name in self.host_keys)
        if not offered:
            raise ValueError("no host key that the algorithm policy allows")
        self.windows = Windows(settings.first_window, settings.window, settings.windows)
        self.settings = replace(settings, policy=replace(policy, host_keys=offered))

    def startFactory(self) -> None:
        """Nothing is left to check."""

    def buildProtocol(self, addr: IAddress | None) -> Transport:
        """A `Transport`; it asks for its place itself, once it knows its peer."""
        transport = Transport()
        transport.factory = self
        return transport


def _by_algorithm(host_keys: Sequence[Key]) -> dict[bytes, Key]:
    found: dict[bytes, Key] = {}
    for key in host_keys:
        kind = key.sshType()  # type: ignore[no-untyped-call]
        if kind == b"ssh-rsa" and key.size() < RSA_MINIMUM:  # type: ignore[no-untyped-call]
            raise ValueError(f"RSA host key has less than {RSA_MINIMUM} bits")
        for name in (b"rsa-sha2-512", b"rsa-sha2-256") if kind == b"ssh-rsa" else (kind,):
            found[name] = key
    return found
