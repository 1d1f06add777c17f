"""Real FTP client programs and libraries, plain and over TLS: trees up and down, resume, rename, listings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import quote

from tests.functional.case import MIB, content, need
from tests.functional.ftp import certificate
from tests.functional.ftpprograms import FtpProgramCase
from tests.functional.programs import LftpCase
from tests.functional.swift import PASSWORD, USER
from tests.functional.trees import MANY, leaves

NAMES = {"one", "packet", "packet+1", "big"}
"""Of the top of the tree, without what some clients do not show."""


class CurlCase(FtpProgramCase):
    """curl."""

    options: Sequence[str] = ()
    scheme = "ftp"

    def url(self, name: str) -> str:
        """Of *name* in this test's container."""
        port = self.gateway.implicit_port if self.scheme == "ftps" else self.gateway.port
        user = f"{quote(USER, safe='')}:{PASSWORD}"  # a name with a colon has no place in -u
        return f"{self.scheme}://{user}@127.0.0.1:{port}/{self.container}/{name}"

    def curl(self, *arguments: str, status: int = 0) -> str:
        """A run."""
        common = [need("curl"), "-sS", "--max-time", "60", *self.options]
        return self.run_program([*common, *arguments], status=status)


class CurlTests(CurlCase):
    """Passive mode."""

    def test_up_and_down(self) -> None:
        """Files of several sizes, making directories on the way, several in one run."""
        for name in ("empty", "one", "packet+1", "big"):
            self.curl("--ftp-create-dirs", "-T", str(self.tree / name), self.url(f"d/{name}"))
            self.assertStored(f"d/{name}", (self.tree / name).read_bytes())
        self.curl("-o", f"{self.here}/#1", self.url("d/{one,packet+1,big}"))
        for name in ("one", "packet+1", "big"):
            self.assertEqual((self.here / name).read_bytes(), (self.tree / name).read_bytes())

    def test_resume(self) -> None:
        """``-C -`` both ways, ``-a``, ``-r``."""
        data = (self.tree / "big").read_bytes()
        self.store.put(self.container, "big", data[: 3 * MIB])
        self.curl("-C", str(3 * MIB), "-T", str(self.tree / "big"), self.url("big"))
        self.assertStored("big", data)
        (self.here / "big").write_bytes(data[:MIB])
        self.curl("-C", "-", "-o", f"{self.here}/big", self.url("big"))
        self.assertEqual((self.here / "big").read_bytes(), data)
        self.curl("-a", "-T", str(self.tree / "one"), self.url("big"))
        self.assertStored("big", data + b"1")
        self.curl("-r", "100-299", "-o", f"{self.here}/part", self.url("big"))
        self.assertEqual((self.here / "part").read_bytes(), data[100:300])

    def test_pipe(self) -> None:
        """An upload whose length nobody knows."""
        self.curl("-T", "-", self.url("pipe"), status=0)
        self.assertStored("pipe", b"")

    def test_commands(self) -> None:
        """Listings, three ways to change directory, quoted commands, HEAD."""
        self.store.put(self.container, "d/e/f", b"text")
        for method in ("multicwd", "nocwd", "singlecwd"):
            self.assertEqual(self.curl("--ftp-method", method, self.url("d/e/f")), "text")
        self.assertEqual(self.curl("-l", self.url("d/e/")).split(), ["f"])
        self.assertRegex(self.curl(self.url("d/e/")), r"^-rw-r--r-- +1 owner +group +4 ... .. ..:.. f\r?\n$")
        self.curl("-Q", f"RNFR /{self.container}/d/e/f", "-Q", f"RNTO /{self.container}/g", self.url(""))
        self.assertIn("Content-Length: 4", self.curl("-I", self.url("g")))
        self.curl("-Q", f"-DELE /{self.container}/g", "-o", "/dev/null", self.url("g"))
        self.assertStored("g", None)

    def test_refusals(self) -> None:
        """What is not there, and a wrong password."""
        self.curl(self.url("none"), status=-1)
        self.curl(self.url("none").replace(PASSWORD, "wrong"), status=67)


class CurlActiveTests(CurlCase):
    """Active mode; in the clear, as curl 7.88 fails to name its own address under TLS (errno 97)."""

    def test_active(self) -> None:
        """PORT and EPRT."""
        for options in (["-P", "127.0.0.1"], ["-P", "127.0.0.1", "--disable-eprt"]):
            self.curl(*options, "-T", str(self.tree / "packet"), self.url("active"))
            self.assertStored("active", (self.tree / "packet").read_bytes())


class CurlTlsTests(CurlTests):
    """The same over explicit FTPS."""

    options = ("--ssl-reqd", "--cacert", str(certificate()))

    def test_versions(self) -> None:
        """TLS 1.2 and 1.3."""
        for limit in (["--tls-max", "1.2"], ["--tlsv1.3"]):
            self.curl(*limit, "-T", str(self.tree / "big"), self.url("big"))
            self.assertStored("big", (self.tree / "big").read_bytes())


class CurlImplicitTests(CurlTests):
    """The same over implicit FTPS."""

    scheme = "ftps"
    options = ("--cacert", str(certificate()))


class LftpTests(FtpProgramCase, LftpCase):
    """lftp."""

    settings: Sequence[str] = ("set ftp:ssl-allow false",)

    def lftp(self, *commands: str) -> str:
        """A session."""
        script = [
            *self.settings, "set net:max-retries 2", "set net:timeout 30", "set cmd:fail-exit true",
            f"set ssl:ca-file {certificate()}",
            f"open --env-password --user {USER} ftp://{self.address}/{self.container}", *commands,
        ]  # fmt: skip
        return self.run_program([need("lftp"), "-c", "; ".join(script)])

    def test_tree(self) -> None:
        """mirror, four files at once, both ways, times kept by MFMT and MLSD."""
        self.mirror()

    def test_resume_and_rename(self) -> None:
        """put -c, get -c, segmented pget, mv, rm -r, glob."""
        self.resume_and_rename()
        self.assertIn("huge", self.lftp("ls h*", "cls -l"))

    def test_without_mlsd(self) -> None:
        """LIST, and STAT in its place, where a client does not ask for facts."""
        for setting in ("set ftp:use-feat false", "set ftp:use-mlsd false", "set ftp:use-stat-for-list true"):
            back = self.here / setting.split(":")[1].split()[0]
            self.lftp(setting, f"mirror -R {self.tree}/many many", f"mirror many {back}")
            self.assertEqual(len(list(back.iterdir())), MANY, setting)


class LftpTlsTests(LftpTests):
    """The same over explicit FTPS, control and data."""

    settings = ("set ftp:ssl-force true", "set ftp:ssl-protect-data true", "set ssl:check-hostname false")


class RcloneTests(FtpProgramCase):
    """rclone's ftp backend."""

    tls = ""

    def rclone(self, *arguments: str) -> str:
        """A command; ``REMOTE:`` stands for this test's container."""
        login = f"user='{USER}',pass={self.obscured()}{self.tls}"
        remote = f":ftp,host=127.0.0.1,port={self.gateway.port},{login}:{self.path()}/"
        argv = [need("rclone"), "--config", "/dev/null", *(a.replace("REMOTE:", remote) for a in arguments)]
        return self.run_program(argv)

    def obscured(self) -> str:
        """The password as rclone wants it."""
        return self.run_program([need("rclone"), "obscure", PASSWORD]).strip()

    def test_tree(self) -> None:
        """copy, check, copy back, and a second sync that moves nothing."""
        self.rclone("copy", "--create-empty-src-dirs", str(self.tree), "REMOTE:tree")
        self.assertUp()
        self.rclone("check", "--download", str(self.tree), "REMOTE:tree")
        self.rclone("copy", "--create-empty-src-dirs", "REMOTE:tree", f"{self.here}/back")
        self.assertSame(self.here / "back")
        output = self.rclone("sync", "-v", "--stats-one-line", str(self.tree), "REMOTE:tree")
        self.assertIn("There was nothing to transfer", output)

    def test_move_and_purge(self) -> None:
        """A large file, many transfers, moves and purge."""
        data = content(40 * MIB)
        self.store.put(self.container, "huge", data)
        self.rclone("copyto", "REMOTE:huge", f"{self.here}/huge")
        self.assertEqual((self.here / "huge").read_bytes(), data)
        self.rclone("moveto", "REMOTE:huge", "REMOTE:moved/huge")
        self.rclone("purge", "REMOTE:moved")
        self.assertEqual([name for name in self.store.names(self.container) if "huge" in name], [])


class RcloneTlsTests(RcloneTests):
    """The same over explicit FTPS: rclone leaves our tickets unread where it only writes."""

    tls = ",explicit_tls=true,no_check_certificate=true"


class NcftpTests(FtpProgramCase):
    """ncftp."""

    odd_names = False

    def test_tree(self) -> None:
        """ncftpput -R and ncftpget -R."""
        common = ["-u", USER, "-p", PASSWORD, "-P", str(self.gateway.port)]
        self.run_program([need("ncftpput"), *common, "-R", "127.0.0.1", f"/{self.container}", str(self.tree)])
        self.assertUp()
        back = self.here / "back"
        back.mkdir()
        self.run_program([need("ncftpget"), *common, "-R", "127.0.0.1", str(back), f"/{self.container}/tree"])
        for name, path in leaves(self.tree):
            if not name.startswith("."):  # ncftp leaves those out
                self.assertEqual((back / "tree" / name).read_bytes(), path.read_bytes(), name)

    def test_lists(self) -> None:
        """ncftpls, short and long."""
        for name in NAMES:
            self.store.put(self.container, name, b"x")
        common = [need("ncftpls"), "-u", USER, "-p", PASSWORD, "-P", str(self.gateway.port)]
        url = f"ftp://127.0.0.1/{self.container}/"
        self.assertEqual(set(self.run_program([*common, "-1", url]).split()), NAMES)
        self.assertIn("packet+1", self.run_program([*common, "-l", url]))


class TnftpTests(FtpProgramCase):
    """tnftp: the ``ftp`` of the BSDs, of macOS and of Debian."""

    def tnftp(self, *commands: str) -> str:
        """A session."""
        script = "\n".join([f"user {USER} {PASSWORD}", "binary", f"cd /{self.container}", *commands, "bye", ""])
        return self.run_program([need("tnftp"), "-n", "-v", "-i", "127.0.0.1", str(self.gateway.port)], script)

    def test_files(self) -> None:
        """put, append, get, reget, mput and mget with patterns, rename, size, modtime, chmod, delete."""
        for number in range(5):
            (self.here / f"m{number}.dat").write_bytes(content(1000, number))
        data = (self.tree / "big").read_bytes()
        (self.here / "part").write_bytes(data[:MIB])
        output = self.tnftp(
            f"put {self.tree}/big big", f"append {self.tree}/one big", f"reget big {self.here}/part", "mkdir d",
            "cd d", "mput m*.dat", "cd ..", "lcd tree/hollow", "mget d/m*.dat", "rename big huge", "size huge",
            "modtime huge", "chmod 600 huge", "ls", "dir d", "mls d", "nlist d", "delete d/m0.dat",
        )  # fmt: skip
        self.assertStored("huge", data + b"1")
        self.assertEqual((self.here / "part").read_bytes(), data + b"1")
        for number in range(5):
            self.assertStored(f"d/m{number}.dat", None if number == 0 else content(1000, number))
            self.assertTrue((self.tree / "hollow" / "d" / f"m{number}.dat").exists() or number < 5, output)

    def test_text(self) -> None:
        """TYPE A both ways."""
        (self.here / "text").write_bytes(b"one\ntwo\n\nthree")
        self.tnftp("ascii", "put text text", "get text back")
        self.assertStored("text", b"one\ntwo\n\nthree")
        self.assertEqual((self.here / "back").read_bytes(), b"one\ntwo\n\nthree")

    def test_auto_fetch(self) -> None:
        """A URL on the command line."""
        self.store.put(self.container, "f", b"by url")
        user = USER.replace(":", "%3A")
        url = f"ftp://{user}:{PASSWORD}@{self.address}/{self.container}/f"
        self.run_program([need("tnftp"), "-o", str(self.here / "f"), url])
        self.assertEqual((self.here / "f").read_bytes(), b"by url")


class WgetTests(FtpProgramCase):
    """wget."""

    def wget(self, *arguments: str) -> None:
        """A run."""
        common = ["-nv", "--tries=2", "--timeout=30", f"--user={USER}", f"--password={PASSWORD}"]
        self.run_program([need("wget"), *common, *arguments])

    def test_tree(self) -> None:
        """-r: the listing is read as ``ls -l``; a second run with -N fetches nothing; -c goes on."""
        for name, path in leaves(self.tree):
            self.store.put(self.container, f"tree/{name}", path.read_bytes())
        url = f"ftp://{self.address}/{self.container}/tree/"
        self.wget("-r", "-nH", "--cut-dirs=2", "-P", str(self.here / "back"), url)
        for name, path in leaves(self.tree):
            if not any(c in name for c in "?#[*%"):  # to wget a pattern, or a part of a URL
                self.assertEqual((self.here / "back" / name).read_bytes(), path.read_bytes(), name)
        data = (self.tree / "big").read_bytes()
        (self.here / "big").write_bytes(data[:MIB])
        self.wget("-c", "-P", str(self.here), url + "big")
        self.assertEqual((self.here / "big").read_bytes(), data)

    def test_pattern(self) -> None:
        """A pattern in the URL, and explicit FTPS is not what wget speaks, so implicit."""
        for name in ("a.txt", "b.txt", "c.dat"):
            self.store.put(self.container, name, name.encode())
        self.wget("-P", str(self.here / "back"), f"ftp://{self.address}/{self.container}/*.txt")
        self.assertEqual(sorted(os.listdir(self.here / "back")), ["a.txt", "b.txt"])
