"""Libraries that speak FTP, plain and over TLS: ftplib, ftputil, fsspec, basic-ftp."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

from tests.functional.case import MIB, need
from tests.functional.ftp import certificate, get, lines, put
from tests.functional.ftpprograms import FtpProgramCase
from tests.functional.processes import scratch
from tests.functional.swift import PASSWORD, USER
from tests.functional.trees import leaves


class FtplibTests(FtpProgramCase):
    """Python's ftplib."""

    def test_tree(self) -> None:
        """mkd, storbinary, mlsd, nlst, dir, retrbinary."""
        client = self.ftp()
        client.mkd("tree")
        for path in sorted(self.tree.rglob("*")):
            name = f"tree/{path.relative_to(self.tree)}"
            if path.is_dir():
                client.mkd(name)
            else:
                put(client, name, path.read_bytes())
        self.assertUp()
        found = dict(client.mlsd("tree"))
        self.assertEqual(set(found), set(os.listdir(self.tree)))
        for path in self.tree.iterdir():
            self.assertEqual(found[path.name]["type"], "dir" if path.is_dir() else "file")
            self.assertTrue(path.is_dir() or int(found[path.name]["size"]) == path.stat().st_size)
        self.assertEqual(sorted(client.nlst("tree")), sorted(f"tree/{name}" for name in os.listdir(self.tree)))
        self.assertEqual(len(lines(client, "LIST tree")), len(found))
        for name, path in leaves(self.tree):
            self.assertEqual(get(client, f"tree/{name}"), path.read_bytes())
        self.assertEqual(client.nlst("tree/hollow"), [])


class FtplibTlsTests(FtplibTests):
    """The same over explicit FTPS, sessions resumed."""

    secure = True


class FtputilTests(FtpProgramCase):
    """ftputil: reads LIST."""

    def test_tree(self) -> None:
        """upload, walk, stat, times, download, rename, rmtree."""
        need_module("ftputil", self)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ftputil
            import ftputil.session

            factory = ftputil.session.session_factory(port=self.gateway.port, encoding="utf-8")
            with ftputil.FTPHost("127.0.0.1", USER, PASSWORD, session_factory=factory) as host:
                host.chdir(f"/{self.container}")
                host.synchronize_times()
                for path in sorted(self.tree.rglob("*")):
                    name = f"tree/{path.relative_to(self.tree)}"
                    if path.is_dir():
                        host.makedirs(name, exist_ok=True)
                    else:
                        host.makedirs(os.path.dirname(name), exist_ok=True)
                        host.upload(str(path), name)
                self.assertUp()
                seen = {f"{root}/{file}" for root, _, files in host.walk("tree") for file in files}
                self.assertEqual(seen, {f"tree/{name}" for name, _ in leaves(self.tree)})
                self.assertEqual(host.stat("tree/big").st_size, (self.tree / "big").stat().st_size)
                host.download("tree/big", str(self.here / "big"))
                self.assertEqual((self.here / "big").read_bytes(), (self.tree / "big").read_bytes())
                host.rename("tree/big", "tree/huge")
                host.rmtree("tree")
        self.assertEqual(self.store.names(self.container), [])


class FsspecTests(FtpProgramCase):
    """fsspec's ftp file system."""

    def test_tree(self) -> None:
        """put, find, info, ranged reads, cat, mv, rm."""
        need_module("fsspec", self)
        from fsspec.implementations.ftp import FTPFileSystem

        system = FTPFileSystem(
            "127.0.0.1", self.gateway.port, USER, PASSWORD, block_size=MIB, encoding="utf-8",
            skip_instance_cache=True,
        )  # fmt: skip
        top = f"/{self.container}/tree"
        system.put(str(self.tree / "dir"), top, recursive=True)
        system.put_file(str(self.tree / "big"), f"{top}/big")
        data = (self.tree / "big").read_bytes()
        self.assertStored("tree/big", data)
        system.invalidate_cache()
        self.assertIn(f"{top}/big", system.find(top))
        self.assertEqual(system.info(f"{top}/big")["size"], len(data))
        with system.open(f"{top}/big", "rb") as file:
            file.seek(3 * MIB)
            self.assertEqual(file.read(1000), data[3 * MIB : 3 * MIB + 1000])
        self.assertEqual(system.cat_file(f"{top}/big"), data)
        system.mv(f"{top}/big", f"{top}/huge")
        self.assertStored("tree/huge", data)
        system.rm(top, recursive=True)
        self.assertEqual(self.store.names(self.container), [])


class BasicFtpTests(FtpProgramCase):
    """node's basic-ftp."""

    secure_text = "false"

    def test_tree(self) -> None:
        """uploadFromDir, list, downloadToDir, append, size, rename, removeDir."""
        module = need_node_module("basic-ftp")
        script = f"""
            const ftp = require({json.dumps(module)});
            (async () => {{
                const c = new ftp.Client(30000);
                await c.access({{host: "127.0.0.1", port: {self.gateway.port}, user: {json.dumps(USER)},
                    password: {json.dumps(PASSWORD)}, secure: {self.secure_text},
                    secureOptions: {{ca: require("fs").readFileSync({json.dumps(str(certificate()))})}}}});
                await c.cd("/{self.container}");
                await c.uploadFromDir({json.dumps(str(self.tree))}, "tree");
                await c.downloadToDir({json.dumps(str(self.here / "back"))}, "tree");
                await c.cd("/{self.container}");
                console.log(JSON.stringify((await c.list("tree")).map(f => [f.name, f.size, f.isDirectory])));
                await c.appendFrom({json.dumps(str(self.tree / "one"))}, "tree/big");
                console.log(await c.size("tree/big"), (await c.lastMod("tree/big")).getFullYear() > 2000);
                await c.rename("tree/big", "tree/huge");
                await c.removeDir("tree");
                c.close();
            }})().catch(e => {{ console.error(e); process.exit(1); }});
        """
        output = self.run_program([need("node"), "-e", script])
        listed = {name: (size, folder) for name, size, folder in json.loads(output.splitlines()[0])}
        self.assertEqual(set(listed), set(os.listdir(self.tree)))
        size = (self.tree / "big").stat().st_size
        self.assertEqual(listed["big"], (size, False))
        self.assertIn(f"{size + 1} true", output)
        self.assertSame(self.here / "back", times=False)
        self.assertEqual(self.store.names(self.container), [])


class BasicFtpTlsTests(BasicFtpTests):
    """
    The same over explicit FTPS; it resumes sessions on data connections.

    Without empty files: it drops such a data connection before its own handshake, as a client that was lost does.
    """

    secure_text = "true"

    def setUp(self) -> None:
        """Take the empty files out."""
        super().setUp()
        for _, path in leaves(self.tree):
            if not path.stat().st_size:
                path.unlink()


def need_module(name: str, case: FtpProgramCase) -> None:
    """A library of Python, which the test extra installs."""
    import importlib.util

    if importlib.util.find_spec(name) is None:
        case.fail(f"{name} is not installed: pip install -e '.[test]'")


def need_node_module(name: str) -> str:
    """A library of node, installed for this test process."""
    need("node")
    npm = need("npm")
    home = Path(os.environ.get("SWFTP_NODE_MODULES", scratch() / "node"))
    if not (home / "node_modules" / name).is_dir():
        home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), name],
            check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(home, ignore_errors=True)
            need(f"basic-ftp ({done.stderr[-200:]})")
    return str(home / "node_modules" / name)
