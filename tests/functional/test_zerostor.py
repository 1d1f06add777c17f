"""Files on a store of our own, through real clients."""

from __future__ import annotations

import errno
import ftplib
import hashlib
import io
import os
import stat
import subprocess
from pathlib import Path

import paramiko

from tests.functional import clients, ftp
from tests.functional.case import MIB, content, need
from tests.functional.processes import eventually
from tests.functional.trees import differences, leaves, plant
from tests.functional.zerostor import PASSWORD, USER, ZeroCase


class SftpTests(ZeroCase):
    """Through paramiko."""

    def test_put_get(self) -> None:
        """What was stored comes back, of any size, and large files are listed as such."""
        for size in (0, 1, 262_144, 262_145, 5 * MIB + 17):
            data = content(size)
            self.sftp.put_bytes(f"{self.home}/f", data)
            self.assertTrue(self.sftp.get_bytes(f"{self.home}/f") == data, size)
            self.assertEqual(self.sftp.stat(f"{self.home}/f").st_size, size)

    def test_files_at_the_root(self) -> None:
        """Files, directories and links may stand at the root, and be moved there."""
        self.sftp.put_bytes("/at-root", b"x")
        self.sftp.rename("/at-root", "/moved")
        self.sftp.symlink("/moved", "/link")
        self.assertEqual(self.sftp.get_bytes("/link"), b"x")
        self.assertEqual(self.sftp.get_bytes("/moved"), b"x")
        for name in ("/link", "/moved"):
            self.sftp.remove(name)

    def test_links_to_directories(self) -> None:
        """A link to a directory can be walked through, for reading and for writing."""
        self.sftp.mkdir(f"{self.home}/d")
        self.sftp.symlink(f"{self.home}/d", f"{self.home}/l")
        self.sftp.put_bytes(f"{self.home}/l/f", b"x")
        self.assertEqual(self.sftp.listdir(f"{self.home}/l"), ["f"])
        self.assertEqual(self.sftp.get_bytes(f"{self.home}/d/f"), b"x")
        self.sftp.remove(f"{self.home}/l/f")
        self.assertEqual(self.sftp.listdir(f"{self.home}/d"), [])

    def test_append_patch_truncate(self) -> None:
        """Only what changes is stored anew: the rest is shared with the old content."""
        data = bytearray(content(3 * MIB))
        self.sftp.put_bytes(f"{self.home}/f", bytes(data))
        before = len(self.place.named())
        with self.sftp.open(f"{self.home}/f", "r+b") as file:
            file.seek(MIB + 5)
            file.write(b"patch")
        data[MIB + 5 : MIB + 10] = b"patch"
        with self.sftp.open(f"{self.home}/f", "ab") as file:
            file.write(b"tail")
        data += b"tail"
        self.assertTrue(self.sftp.get_bytes(f"{self.home}/f") == data)
        self.sftp.truncate(f"{self.home}/f", 2 * MIB)
        self.assertTrue(self.sftp.get_bytes(f"{self.home}/f") == data[: 2 * MIB])
        self.assertLess(len(self.place.named()) - before, 30)

    def test_rename_tree(self) -> None:
        """A directory of files is renamed at once, a file replaces a file, and RENAME replaces nothing."""
        self.sftp.mkdir(f"{self.home}/a")
        for n in range(20):
            self.sftp.put_bytes(f"{self.home}/a/{n:02d}", b"%d" % n)
        self.sftp.rename(f"{self.home}/a", f"{self.home}/b")
        self.assertEqual(sorted(self.sftp.listdir(f"{self.home}/b")), [f"{n:02d}" for n in range(20)])
        self.assertRaises(OSError, self.sftp.rename, f"{self.home}/b/00", f"{self.home}/b/01")
        self.sftp.posix_rename(f"{self.home}/b/00", f"{self.home}/b/01")
        self.assertEqual(self.sftp.get_bytes(f"{self.home}/b/01"), b"0")
        self.assertRaises(OSError, self.sftp.rmdir, f"{self.home}/b")
        self.assertRaises(OSError, self.sftp.rename, f"{self.home}/b", f"{self.home}/b/c")

    def test_attributes(self) -> None:
        """Times and modes are kept, of files and directories."""
        self.sftp.put_bytes(f"{self.home}/f", b"x")
        self.sftp.mkdir(f"{self.home}/d")
        for name in ("f", "d"):
            self.sftp.utime(f"{self.home}/{name}", (1_500_000_000, 1_500_000_000))
            self.sftp.chmod(f"{self.home}/{name}", 0o700)
            seen = self.sftp.stat(f"{self.home}/{name}")
            self.assertEqual((seen.st_mtime, stat.S_IMODE(seen.st_mode or 0)), (1_500_000_000, 0o700))

    def test_readers_keep_what_they_opened(self) -> None:
        """Who reads a file reads it to its end, whatever becomes of its name meanwhile."""
        old = content(4 * MIB)
        self.sftp.put_bytes(f"{self.home}/f", old)
        with self.sftp.open(f"{self.home}/f", "rb") as file:
            begun = file.read(1000)
            self.sftp.put_bytes(f"{self.home}/f", b"new")
            self.sftp.remove(f"{self.home}/f")
            self.assertTrue(begun + file.read() == old)

    def test_quota(self) -> None:
        """A quota is told, and what does not fit is refused, with what was there as it was."""
        self.place.command("user", "add", "small", "--quota", "1MiB", "--password-file", "-", given="secret\n")
        small = self.login(user="small", password="secret")
        small.put_bytes("/f", bytes(1000))
        error = self.assertRaises(OSError, small.put_bytes, "/f", bytes(2 * MIB))
        self.assertIn("quota", str(error).lower())
        self.assertEqual(small.get_bytes("/f"), bytes(1000))
        self.assertEqual(small.listdir("/"), ["f"])
        client = ftplib.FTP()
        client.connect("127.0.0.1", self.server.ports["ftp"], 20)
        client.login("small", "secret")
        self.assertEqual(int(client.sendcmd("AVBL /").split()[1]), MIB - 1000)
        self.assertRaises(ftplib.error_perm, client.sendcmd, f"ALLO {20 * MIB}")
        client.close()


def refused(session: clients.Login) -> bool:
    """Whether it may not even look."""
    try:
        session.stat("/f")
    except OSError as error:
        return error.errno == errno.EACCES
    return False


class LoginTests(ZeroCase):
    """Who gets in."""

    def test_roots_and_disabled(self) -> None:
        """A login sees its root and nothing above; one that is disabled is let in no more, nor goes on."""
        self.sftp.put_bytes(f"{self.home}/f", b"inside")
        given = "secret\n"
        self.place.command(
            "user", "add", "child", "--account", USER, "--root", self.home, "--password-file", "-", given=given
        )
        child = self.login(user="child", password="secret")
        self.assertEqual(child.listdir("/"), ["f"])
        self.assertEqual(child.get_bytes("/../f"), b"inside")
        self.sftp.symlink("/", f"{self.home}/out")
        self.assertRaises(OSError, child.listdir, "/out")
        self.place.command("user", "disable", "child")
        self.assertRaises(paramiko.AuthenticationException, self.login, None, "child", "secret")
        self.assertTrue(eventually(lambda: refused(child), 10.0, 0.2))
        self.place.command("user", "remove", "child")
        self.assertEqual(self.sftp.get_bytes(f"{self.home}/f"), b"inside")

    def test_what_is_wrong_is_said(self) -> None:
        """A command that gets nothing usable says why in a line, without a traceback."""
        gone = str(self.here() / "gone")
        for words, reason in (
            (("user", "add", "x", "--password-file", "-"), "the password is empty"),
            (("user", "add", "x", "--password-file", gone), "No such file"),
            (("user", "key", USER, gone), "No such file"),
            (("export", f"{gone}/out"), "No such file"),
            (("import", gone), "No such file"),
        ):
            said = self.place.complaint(*words)
            self.assertRegex(said, f"^swftp zerostor: .*{reason}.*\n$")

    def test_tried_by_the_operator(self) -> None:
        """``whoami`` and ``check-config --probe`` look at the store as a client would."""
        config = str(self.place.config)
        for words in (("whoami", "-c", config, USER), ("check-config", config, "--probe", "--login", USER)):
            self.assertIn("store: answers", self.place.swftp(*words, environ={"SWFTP_PASSWORD": PASSWORD}).stdout)
        wrong = self.place.swftp("whoami", "-c", config, USER, environ={"SWFTP_PASSWORD": "wrong"}, status=1)
        self.assertIn("login refused", wrong.stderr)

    def test_keys(self) -> None:
        """A public key of the database lets in, with OpenSSH; a password it is without does not."""
        here = self.here()
        subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(here / "key")], check=True)
        self.place.command("user", "add", "keyed", "--no-password", "--key", str(here / "key.pub"))
        argv = [
            need("sftp"), "-q", "-b", "-", "-i", str(here / "key"), "-o", "IdentitiesOnly=yes", "-o",
            "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-P",
            str(self.server.ports["sftp"]), "keyed@127.0.0.1",
        ]  # fmt: skip
        done = subprocess.run(argv, input=f"put {here / 'key.pub'} /k\nls\n", capture_output=True, text=True)
        self.assertEqual((done.returncode, "k" in done.stdout), (0, True), done.stderr)
        self.assertRaises(paramiko.AuthenticationException, self.login, None, "keyed", "")


class ProgramTests(ZeroCase):
    """Through programs."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.here()
        self.tree = plant(self.folder / "tree", odd=True)

    def run_program(self, *argv: str, script: str = "") -> str:
        """Run a client, which must end well."""
        environment = {**os.environ, "SSHPASS": PASSWORD, "LFTP_PASSWORD": PASSWORD, "HOME": str(self.folder)}
        done = subprocess.run(
            argv, input=script, env=environment, cwd=self.folder, timeout=120, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, f"{argv[:2]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def assertSame(self, copy: Path, times: bool = True) -> None:
        """*copy* is the tree."""
        self.assertEqual(differences(self.tree, copy, times), [])

    def test_openssh(self) -> None:
        """sftp: a tree up and down, df, ln -s, rename, rm."""
        script = (
            f"put -r tree {self.home}\nget -r {self.home}/tree back\ndf -h {self.home}\n"
            f"ln -s {self.home}/tree {self.home}/l\nrename {self.home}/tree {self.home}/moved\n"
            f"ls -l {self.home}\nrm {self.home}/l\n"
        )
        output = self.run_program(
            need("sshpass"), "-e", need("sftp"), "-q", "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-P", str(self.server.ports["sftp"]), f"{USER}@127.0.0.1", script=script,
        )  # fmt: skip
        self.assertSame(self.folder / "back", times=False)
        self.assertIn("moved", output)
        self.assertIn("Avail", output)

    def test_curl(self) -> None:
        """curl over FTP and implicit FTPS: up, resumed, down, a range."""
        data = content(2 * MIB)
        (self.folder / "f").write_bytes(data)
        (self.folder / "half").write_bytes(data[:MIB])
        secure = ("--cacert", str(ftp.certificate()))
        for url in (f"ftp://127.0.0.1:{self.server.ports['ftp']}", f"ftps://127.0.0.1:{self.server.ports['ftps']}"):
            common = [need("curl"), "-sS", *secure, "-u", f"{USER}:{PASSWORD}"]
            self.run_program(*common, "-T", "half", f"{url}{self.home}/c/f", "--ftp-create-dirs")
            self.run_program(*common, "-C", "-", "-T", "f", f"{url}{self.home}/c/f")
            self.run_program(*common, "-o", "back", f"{url}{self.home}/c/f")
            self.assertTrue((self.folder / "back").read_bytes() == data)
            self.run_program(*common, "-r", "1000-1999", "-o", "part", f"{url}{self.home}/c/f")
            self.assertEqual((self.folder / "part").read_bytes(), data[1000:2000])
            self.sftp.remove(f"{self.home}/c/f")

    def test_lftp(self) -> None:
        """lftp mirrors a tree up and down over FTPS, and removes it."""
        script = (
            f"set ssl:ca-file {ftp.certificate()}\nset ftp:ssl-force yes\nset ftp:ssl-protect-data yes\n"
            f"open --user {USER} --env-password ftp://127.0.0.1:{self.server.ports['ftp']}\n"
            f"mirror -R --parallel=4 tree {self.home}/tree\nmirror --parallel=4 {self.home}/tree back\n"
            f"rm -r {self.home}/tree\n"
        )
        self.run_program(need("lftp"), "-f", "/dev/stdin", script=script)
        self.assertSame(self.folder / "back")
        self.assertEqual(self.sftp.listdir(self.home), [])

    def test_rclone(self) -> None:
        """rclone syncs, finds nothing to do the second time, checks, moves and purges."""
        obscured = self.run_program(need("rclone"), "obscure", PASSWORD).strip()
        remote = (
            f":sftp,host=127.0.0.1,port={self.server.ports['sftp']},user='{USER}',pass={obscured},shell_type=none,"
            f"md5sum_command=none,sha1sum_command=none:{self.home}/"
        )
        rclone = (need("rclone"), "--config", "/dev/null")
        self.run_program(*rclone, "sync", str(self.tree), f"{remote}tree")
        self.run_program(*rclone, "check", "--download", str(self.tree), f"{remote}tree")
        self.run_program(*rclone, "moveto", f"{remote}tree", f"{remote}moved")
        self.run_program(*rclone, "copy", "--create-empty-src-dirs", f"{remote}moved", f"{self.folder}/back")
        for name, path in leaves(self.tree):
            self.assertEqual((self.folder / "back" / name).read_bytes(), path.read_bytes())
        self.run_program(*rclone, "purge", f"{remote}moved")
        self.assertEqual(self.sftp.listdir(self.home), [])


class FtpTests(ZeroCase):
    """Through ftplib."""

    def test_hash_and_append(self) -> None:
        """HASH of what was stored and appended is that of its bytes; a restart in the middle patches."""
        client = ftplib.FTP()
        client.connect("127.0.0.1", self.server.ports["ftp"], 20)
        client.login(USER, PASSWORD)
        self.addCleanup(client.close)
        client.cwd(self.home)
        data = content(MIB)
        client.storbinary("STOR f", io.BytesIO(data))
        client.storbinary("APPE f", io.BytesIO(b"more"))
        client.storbinary("STOR f", io.BytesIO(b"restarted"), rest=MIB)
        whole = data + b"restarted"
        self.assertIn(hashlib.sha256(whole).hexdigest(), client.sendcmd("HASH f").lower())
        self.assertTrue(ftp.get(client, "f") == whole)
        self.assertTrue(ftp.get(client, "f", rest=MIB + 4) == b"arted")
