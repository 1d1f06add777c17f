"""Real client programs copy trees up and down byte-identically with times kept, and do what else they can do."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tests.functional.case import MIB, content, need
from tests.functional.programs import LftpCase, ProgramCase
from tests.functional.swift import PASSWORD, USER
from tests.functional.trees import leaves

SSH_OPTIONS = (
    "-F", "/dev/null", f"-oUser={USER}", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null",
    "-oGlobalKnownHostsFile=/dev/null", "-oLogLevel=ERROR", "-oPubkeyAuthentication=no",
    "-oNumberOfPasswordPrompts=1",
)  # fmt: skip


class OpenSSHTests(ProgramCase):
    """sftp and scp."""

    def sftp(self, *commands: str, options: Sequence[str] = (), status: int = 0) -> str:
        """A batch."""
        argv = ["sshpass", "-e", need("sftp"), "-q", "-oBatchMode=no", *SSH_OPTIONS, *options]
        argv += ["-b", "-", "-P", str(self.gateway.port), "127.0.0.1"]
        need("sshpass")
        return self.run_program(argv, "\n".join(commands) + "\n", status)

    def scp(self, *arguments: str, status: int = 0) -> None:
        """A copy."""
        need("sshpass")
        argv = ["sshpass", "-e", need("scp"), "-q", *SSH_OPTIONS, "-P", str(self.gateway.port), *arguments]
        self.run_program(argv, status=status)

    def test_tree(self) -> None:
        """put -pR and get -pR."""
        self.sftp(f"put -pR {self.tree} {self.path()}/")
        self.assertUp()
        self.sftp(f"get -pR {self.path('tree')} {self.here}/back")
        self.assertSame(self.here / "back")

    def test_scp(self) -> None:
        """scp over SFTP."""
        self.scp("-rp", str(self.tree), f"127.0.0.1:{self.path()}/")
        self.assertUp()
        self.scp("-rp", f"127.0.0.1:{self.path('tree')}", f"{self.here}/back")
        self.assertSame(self.here / "back")

    def test_old_scp(self) -> None:
        """scp -O, the protocol before SFTP."""
        self.scp("-O", "-rp", str(self.tree), f"127.0.0.1:{self.path()}/")
        self.assertUp()
        self.scp("-O", "-rp", f"127.0.0.1:{self.path('tree')}", f"{self.here}/back")
        self.assertSame(self.here / "back")

    def test_old_scp_refusals(self) -> None:
        """scp -O of what is not there fails; it runs no shell."""
        self.scp("-O", f"127.0.0.1:{self.path('no')}", f"{self.here}/no", status=-1)
        self.scp("-O", f"127.0.0.1:{self.path('$(id)')}", f"{self.here}/no", status=-1)
        self.scp("-O", f"{self.tree}/one", f"127.0.0.1:{self.path('no', 'such', 'dir')}/", status=-1)

    def test_resume(self) -> None:
        """reput goes on where an upload ended, reget where a download did."""
        data = (self.tree / "big").read_bytes()
        self.store.put(self.container, "big", data[: 3 * MIB])
        self.sftp(f"reput {self.tree}/big {self.path('big')}")
        self.assertStored("big", data)
        (self.here / "big").write_bytes(data[: 2 * MIB + 1])
        self.sftp(f"reget {self.path('big')} {self.here}/big")
        self.assertEqual((self.here / "big").read_bytes(), data)

    def test_commands(self) -> None:
        """rename, ln -s, cp, chmod, df, mkdir, rmdir, rm, ls in all forms."""
        output = self.sftp(
            f"cd {self.path()}", f"put {self.tree}/packet f", "rename f g", "ln -s g l", "cp g h", "chmod 600 h",
            "df -h", "mkdir d", "ls -la", "ls -1t", "ls -ln d", "rename h d/h", "rm d/h", "rmdir d", "pwd",
        )  # fmt: skip
        self.assertIn(self.path(), output)
        self.assertStored("g", content(32 << 10))
        self.assertEqual(self.store.names(self.container), ["g", "l"])

    def test_refusals(self) -> None:
        """What cannot be done ends a batch with an error."""
        for command in (f"get {self.path('no')}", f"rm {self.path('no')}", "ls /no-such-container", "mkdir /"):
            self.sftp(command, status=-1)

    def test_buffers_and_rekeying(self) -> None:
        """Small and large requests, one at a time and many, and a new key every MiB."""
        data = (self.tree / "big").read_bytes()
        for options in (["-B", "1000"], ["-B", "261120", "-R", "128"], ["-R", "1"], ["-oRekeyLimit=1M"], ["-C"]):
            self.sftp(f"put {self.tree}/big {self.path('b')}", f"get {self.path('b')} {self.here}/b", options=options)
            self.assertStored("b", data)
            self.assertEqual((self.here / "b").read_bytes(), data, str(options))


class PuTTYTests(ProgramCase):
    """psftp and pscp."""

    odd_names = False

    def common(self, program: str) -> list[str]:
        """Options of both."""
        # the host key is unknown and there is nobody to ask: its fingerprint is given
        return [need(program), "-batch", "-P", str(self.gateway.port), "-pw", PASSWORD, *self.host_key()]

    def host_key(self) -> list[str]:
        """``-hostkey`` of whatever the server shows PuTTY."""
        output = self.run_program(
            [need("plink"), "-batch", "-P", str(self.gateway.port), "-pw", PASSWORD, "-l", USER, "127.0.0.1"],
            status=-1,
        )
        return ["-hostkey", next(word for word in output.split() if word.startswith("SHA256:"))]

    def test_tree(self) -> None:
        """psftp's put -r and get -r."""
        session = [*self.common("psftp"), "-l", USER, "-b", str(self.here / "batch"), "127.0.0.1"]
        (self.here / "batch").write_text(f"put -r {self.tree} {self.path('tree')}\n")
        self.run_program(session)
        self.assertUp()
        (self.here / "batch").write_text(f"get -r {self.path('tree')} {self.here}/back\n")
        self.run_program(session)
        self.assertSame(self.here / "back", times=False)  # psftp has no option to keep times

    def test_pscp(self) -> None:
        """pscp -p -r keeps times; by SFTP and by the old protocol."""
        for mode in ("-sftp", "-scp"):
            back = self.here / f"back{mode}"
            common = [*self.common("pscp"), mode, "-p", "-r", "-l", USER]
            self.run_program([*common, str(self.tree), f"127.0.0.1:{self.path()}/"])
            self.assertUp()
            self.run_program([*common, f"127.0.0.1:{self.path('tree')}", str(back)])
            self.assertSame(back)


class CurlTests(ProgramCase):
    """libssh2, which ends an scp upload with its last byte."""

    def test_scp(self) -> None:
        """Up and down."""
        big, back = self.tree / "big", self.here / "back"
        login = f"{USER.replace(':', '%3a')}:{PASSWORD}"
        url = f"scp://{login}@127.0.0.1:{self.gateway.port}{self.path('big')}"
        self.run_program([need("curl"), "-sSk", "-T", str(big), url])
        self.assertStored("big", big.read_bytes())
        self.run_program([need("curl"), "-sSk", "-o", str(back), url])
        self.assertEqual(back.read_bytes(), big.read_bytes())


class LftpTests(LftpCase):
    """lftp, which has its own SFTP."""

    def lftp(self, *commands: str) -> str:
        """A session."""
        connect = f"sshpass -e ssh -a -x {' '.join(SSH_OPTIONS)}"
        need("sshpass")
        script = [
            f"set sftp:connect-program '{connect}'", "set net:max-retries 2", "set cmd:fail-exit true",
            f"open --env-password --user {USER} sftp://127.0.0.1:{self.gateway.port}{self.path()}", *commands,
        ]  # fmt: skip
        return self.run_program([need("lftp"), "-c", "; ".join(script)])

    def test_tree(self) -> None:
        """mirror, four files at once, both ways."""
        self.mirror()

    def test_resume_and_rename(self) -> None:
        """put -c, get -c, segmented pget, mv, rm -r."""
        self.resume_and_rename()


class RcloneTests(ProgramCase):
    """rclone's sftp backend."""

    def rclone(self, *arguments: str) -> str:
        """A command; ``REMOTE:`` stands for this test's container."""
        options = (
            f":sftp,host=127.0.0.1,port={self.gateway.port},user='{USER}',pass={self.obscured()},shell_type=none,"
            f"md5sum_command=none,sha1sum_command=none:{self.path()}"
        )
        argv = [need("rclone"), "--config", "/dev/null", *(a.replace("REMOTE:", options + "/") for a in arguments)]
        return self.run_program(argv)

    def obscured(self) -> str:
        """The password as rclone wants it."""
        return self.run_program([need("rclone"), "obscure", PASSWORD]).strip()

    def test_tree(self) -> None:
        """copy, check, copy back."""
        self.rclone("copy", "--create-empty-src-dirs", str(self.tree), "REMOTE:tree")
        self.assertUp()
        self.rclone("check", "--download", str(self.tree), "REMOTE:tree")
        self.rclone("copy", "--create-empty-src-dirs", "REMOTE:tree", f"{self.here}/back")
        self.assertSame(self.here / "back")

    def test_again(self) -> None:
        """A second sync finds times and sizes as they were and moves nothing."""
        self.rclone("sync", str(self.tree), "REMOTE:tree")
        output = self.rclone("sync", "-v", "--stats-one-line", str(self.tree), "REMOTE:tree")
        self.assertIn("There was nothing to transfer", output)

    def test_streams(self) -> None:
        """Several streams read one file; ranges, moves, rcat and purge."""
        data = content(40 * MIB)
        self.store.put(self.container, "huge", data)
        self.rclone(
            "copyto", "--multi-thread-streams", "4", "--multi-thread-cutoff", "1M", "REMOTE:huge", f"{self.here}/huge"
        )
        self.assertEqual((self.here / "huge").read_bytes(), data)
        self.rclone("moveto", "REMOTE:huge", "REMOTE:moved/huge")
        self.rclone("purge", "REMOTE:moved")
        self.assertEqual([name for name in self.store.names(self.container) if "huge" in name], [])


class AsyncSSHTests(ProgramCase):
    """asyncssh."""

    def test_tree(self) -> None:
        """put and get, recursive, times kept, 128 requests at once."""
        import asyncio

        import asyncssh

        async def there_and_back() -> None:
            async with (
                asyncssh.connect(
                    "127.0.0.1", self.gateway.port, username=USER, password=PASSWORD, known_hosts=None, config=None,
                    client_keys=None,
                ) as connection,
                connection.start_sftp_client() as client,
            ):  # fmt: skip
                await client.put(str(self.tree), self.path("tree"), recurse=True, preserve=True)
                await client.get(self.path("tree"), f"{self.here}/back", recurse=True, preserve=True)

        asyncio.run(there_and_back())
        self.assertUp()
        self.assertSame(self.here / "back")


class ParamikoTests(ProgramCase):
    """paramiko."""

    def test_tree(self) -> None:
        """put and get, with confirmation, times set afterwards."""
        client = self.login()
        for path in [self.tree, *(p for p in sorted(self.tree.rglob("*")) if p.is_dir())]:
            client.mkdir(self.path("tree", *path.relative_to(self.tree).parts))
        for name, path in leaves(self.tree):
            client.put(str(path), self.path("tree", name))
            client.utime(self.path("tree", name), (path.stat().st_mtime, path.stat().st_mtime))
        self.assertUp()
        back = self.here / "back"
        (back / "hollow").mkdir(parents=True)
        self.assertEqual(client.listdir(self.path("tree", "hollow")), [])
        for name, _ in leaves(self.tree):
            (back / name).parent.mkdir(parents=True, exist_ok=True)
            client.get(self.path("tree", name), str(back / name))
            when = client.stat(self.path("tree", name)).st_mtime or 0
            os.utime(back / name, (when, when))
        self.assertSame(back)
