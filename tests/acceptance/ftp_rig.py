"""What the bars of FTP are measured with: our gateway, ``rclone serve ftp`` on the same Swift, servers on tmpfs."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.acceptance import rig
from tests.functional.ftp import FtpGateway
from tests.functional.processes import Child, answers, free_port, scratch
from tests.functional.swift import PASSWORD, USER

PYFTPDLIB, VSFTPD = "pyftpdlib", "vsftpd"


class FtpHouse(rig.House):
    """As `rig.House`, by FTP."""

    gateway: FtpGateway

    def make_gateway(self, options: Mapping[str, object]) -> FtpGateway:
        """See `rig.House.make_gateway`."""
        return FtpGateway(self.swift.url, options)

    @functools.cached_property
    def rclone(self) -> tuple[int, int]:
        """(port, pid) of ``rclone serve ftp``."""
        port = free_port()
        remote = f":swift,auth='{self.swift.url}',user='{USER}',key={PASSWORD}:"
        argv = [rig.tool("rclone"), "--config", "/dev/null", "serve", "ftp", "--addr", f"127.0.0.1:{port}"]
        argv += ["--passive-port", "32000-32999", "--user", USER, "--pass", PASSWORD, remote]
        return serving("rclone-ftp", argv, port)

    @functools.cached_property
    def folder(self) -> Path:
        """What the servers of files serve, on tmpfs."""
        folder = Path("/dev/shm") / f"{scratch().name}-ftp"
        (folder / rig.CONTAINER).mkdir(parents=True)
        (folder / rig.CONTAINER).chmod(0o777)
        return folder

    @functools.cached_property
    def pyftpdlib(self) -> tuple[int, int]:
        """(port, pid)."""
        port = free_port()
        argv = [sys.executable, "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", str(port), "-w"]
        return serving(PYFTPDLIB, [*argv, "-d", str(self.folder), "-u", "tester", "-P", PASSWORD], port)

    @functools.cached_property
    def vsftpd(self) -> tuple[int, int]:
        """(port, pid); its anonymous user may write."""
        port, empty, config = free_port(), scratch() / "empty", scratch() / "vsftpd.conf"
        empty.mkdir()
        self.folder.chmod(0o755)
        config.write_text(
            f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n"
            f"anon_root={self.folder}\nanon_upload_enable=YES\nanon_mkdir_write_enable=YES\nwrite_enable=YES\n"
            f"anon_other_write_enable=YES\nanon_umask=022\nlocal_enable=NO\nsecure_chroot_dir={empty}\nseccomp_sandbox=NO\n"
        )
        return serving(VSFTPD, [rig.tool("vsftpd", "/usr/sbin"), str(config)], port)

    def target(self, name: str, ls_dir: str = "") -> dict[str, Any]:
        """See `rig.House.target`."""
        if name in (rig.OURS, rig.RCLONE):
            return {**super().target(name, ls_dir), "kind": "ftp"}
        if name not in (PYFTPDLIB, VSFTPD):
            return super().target(name, ls_dir)
        port, pid = self.pyftpdlib if name == PYFTPDLIB else self.vsftpd
        user = "tester" if name == PYFTPDLIB else "anonymous"
        common = {"name": name, "kind": "ftp", "path": f"/{rig.CONTAINER}", "ls_dir": ls_dir, "port": port}
        return {**common, "pids": [pid], "user": user, "password": PASSWORD}

    def close(self) -> None:
        """See `rig.House.close`."""
        super().close()
        if "folder" in self.__dict__:
            shutil.rmtree(self.folder, ignore_errors=True)


def serving(name: str, argv: list[str], port: int) -> tuple[int, int]:
    """(port, pid) of a server that greets."""
    child = Child(name, argv)
    child.wait_for(lambda: answers(port, b"220"))
    return port, child.pid
