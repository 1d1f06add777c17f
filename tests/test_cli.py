"""Rules of `swftp.cli`."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp import __version__, cli
from swftp.config import Config
from swftp.config.document import as_file


class CommandTests(SynchronousTestCase):
    """``swftp COMMAND``."""

    def run_command(self, *words: str) -> tuple[object, str, str]:
        """Exit status, standard output, standard error."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                status: object = cli.main(words)
            except SystemExit as ended:
                status = ended.code
        return status, out.getvalue(), err.getvalue()

    def write(self, text: str) -> str:
        """A file with *text*."""
        path = Path(self.mktemp())
        path.write_text(text)
        return str(path)

    def test_version(self) -> None:
        """``--version`` names the program and its version."""
        self.assertEqual(self.run_command("--version"), (0, f"SwFTP {__version__}\n", ""))

    def test_no_command(self) -> None:
        """Without a command there is nothing to do."""
        self.assertEqual(self.run_command()[0], 2)

    def test_manual_unwritable(self) -> None:
        """Pages that cannot be written are one line, and no traceback."""
        path = self.write("not a directory")
        said = f"swftp manual: [Errno 17] File exists: '{path}'\n"
        self.assertEqual(self.run_command("manual", path), (1, "", said))

    def test_check_good(self) -> None:
        """A configuration that can be used is said to be good; what it says in vain is named."""
        path = self.write(f"[sftp]\nstate_dir = {self.mktemp()}\npub_key = x\n")
        status, out, err = self.run_command("check-config", path)
        self.assertEqual((status, out), (0, "The configuration can be used.\n"))
        self.assertIn(f"warning: {path}:3: [sftp] pub_key: ", err)

    def test_check_bad_value(self) -> None:
        """One that cannot ends with 78 and one line for each reason."""
        path = self.write("[sftp]\nport = x\nhost_keys =\n[auth]\ntimeout = y\n")
        status, out, err = self.run_command("check-config", path)
        self.assertEqual((status, out), (78, ""))
        self.assertEqual(err.count("\n"), 2)

    def test_check_looks_deep(self) -> None:
        """Values that are well-formed and still cannot be used are found, and their place named."""
        cases = {
            "[sftp]\nhost_keys = /nonexistent\n": ":2: [sftp] host_keys: /nonexistent: cannot be read",
            "[sftp]\npriv_key = /nonexistent\n": ":2: [sftp] priv_key: /nonexistent: cannot be read",
            "[sftp]\nlisten = x:y\n": ":2: [sftp] listen: no endpoint",
            "[sftp]\nlisten = tcp:99999\n": ":2: [sftp] listen: no endpoint: port 99999 is not between 0 and 65535",
            "[ftp]\nlisten = tcp:21, tcp6:-1\n": ":2: [ftp] listen: no endpoint: port -1 is not between",
            "[sftp]\nlisten = haproxy:tcp:65536\n": ":2: [sftp] listen: no endpoint: port 65536 is not between",
            "[sftp]\nlisten = unix:/nonexistent/s\n": ":2: [sftp] listen: no endpoint: /nonexistent is no directory",
            "[sftp]\nlisten = unix:/dev/null\n": "listen: no endpoint: /dev/null is there, and is no socket",
            "[sftp]\nlisten = unix:/tmp/" + "x" * 103: ":2: [sftp] listen: no endpoint: /tmp/xxx",
            "[auth]\nauth_url = ftp://x\n": ":2: [auth] auth_url: ",
            "[sftp]\nauth_url = ftp://x\n": ":2: [sftp] auth_url: ",
            "[auth]\nauth_type = nonsense\nauth_url = http://x/v3\n": ":2: [auth] auth_type: ",
            "[auth]\ncloud = nonsense\n": ":2: [auth] cloud: ",
            "[auth]\nauthorized_keys = /nonexistent\n": "[auth] ",
            "[throttle]\nexempt = everybody\n": ":2: [throttle] exempt: ",
            "[ftp]\nimplicit_listen = tcp:990\n": ":2: [ftp] implicit_listen: needs certificate",
            "[ftp]\nrequire_tls_login = yes\n": ":2: [ftp] require_tls_login: needs certificate",
            "[ftp]\nrequire_tls_data = yes\n": ":2: [ftp] require_tls_data: needs certificate",
            "[ftp]\ntls_reuse = required\n": ":2: [ftp] tls_reuse: needs certificate",
            "[ftp]\nprivate_key = /x\n": ":2: [ftp] private_key: needs certificate",
            "[ftp]\nclient_ca = /x\n": ":2: [ftp] client_ca: needs certificate",
            "[ftp]\nclient_crl = /x\n": ":2: [ftp] client_crl: needs client_ca",
            "[ftp]\nclient_certificate = required\n": ":2: [ftp] client_certificate: needs client_ca",
            "[ftp]\ncertificate = /nonexistent\n": ":2: [ftp] certificate: /nonexistent",
            "[sftp]\nlisten = systemd:domain=INET:name=x\n": "listen: no endpoint: systemd gave us no socket 'x'",
            "[auth]\nauth_url = http://x/v3\noptions = a: b\n": ":3: [auth] options: the auth_type password has no",
            "[ftp]\nroot = /" + "x" * 300: ":2: [ftp] root: ",
        }
        for text, words in cases.items():
            status, _, err = self.run_command("check-config", self.write(text))
            self.assertEqual(status, 78, text)
            self.assertIn(words, err)
            self.assertEqual(err.count("\n"), 1, err)

    def test_print_config(self) -> None:
        """Without a file, the sample; with one, what it says."""
        self.assertEqual(self.run_command("print-config"), (0, as_file(Config()), ""))
        status, out, _ = self.run_command("print-config", self.write("[sftp]\nport = 2222\n"))
        self.assertEqual(status, 0)
        self.assertIn("\nport = 2222\n", out)
        self.assertNotIn("\n[ftp]\n", out)

    def test_hostkey(self) -> None:
        """Keys are made once, and shown again."""
        folder = self.mktemp()
        first = self.run_command("hostkey", folder)
        self.assertEqual(first[0], 0)
        self.assertEqual(first[1].count(" SHA256:"), 3)
        self.assertEqual(self.run_command("hostkey", folder), first)
        self.assertEqual(self.run_command("hostkey", "--show", folder), first)

    def test_hostkey_refused(self) -> None:
        """A folder that cannot be written is a failure in words."""
        status, out, err = self.run_command("hostkey", "/proc/nonexistent")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("cannot be made", err)

    def test_hostkey_show(self) -> None:
        """Who only wants to see makes none, and is told that there are none."""
        folder = Path(self.mktemp())
        said = "swftp hostkey: there are none yet\n"
        self.assertEqual(self.run_command("hostkey", "--show", str(folder)), (1, "", said))
        self.assertFalse(folder.exists())

    def test_hostkey_in_force(self) -> None:
        """Where the configuration names keys, these are shown, and none are made beside them."""
        folder, state = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        _, made, _ = self.run_command("hostkey", str(folder))
        path = self.write(f"[sftp]\nstate_dir = {state}\nhost_keys = {folder}/ssh_host_rsa_key\n")
        self.assertEqual(self.run_command("hostkey", "-c", path), (0, made.splitlines(keepends=True)[2], ""))
        self.assertFalse(state.exists())
        bad = self.write("[sftp]\nhost_keys = /nonexistent\n")
        status, out, err = self.run_command("hostkey", "-c", bad)
        self.assertEqual((status, out), (78, ""))
        self.assertIn(":2: [sftp] host_keys: /nonexistent: cannot be read", err)

    def test_hostkey_of_a_configuration(self) -> None:
        """Without a directory, they are where the configuration says."""
        folder = Path(self.mktemp()).absolute()
        path = self.write(f"[sftp]\nstate_dir = {folder}\n")
        status, out, _ = self.run_command("hostkey", "-c", path)
        self.assertEqual((status, out.count(f"{folder}/ssh_host_")), (0, 3))

    def test_nobody_to_talk_to(self) -> None:
        """Where no gateway runs, there is nobody to ask."""
        path = self.write(f"[sftp]\nstate_dir = {self.mktemp()}\n")
        for command in ("sessions", "drain"):
            status, out, err = self.run_command(command, "-c", path)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("gateway runs here", err)

    def test_login_without_probe(self) -> None:
        """A login that nobody would try is wrong usage."""
        status, out, err = self.run_command("check-config", self.write(""), "--login", "anna")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("--login goes with --probe", err)

    def test_hours(self) -> None:
        """An age that is none is wrong usage, before anybody is asked for a password."""
        for words in (("reap", "anna"), ("zerostor", "scrub")):
            self.assertEqual(self.run_command(*words, "--hours=-1")[0], 2)

    def test_zerostor_before_init(self) -> None:
        """Where there is no master key yet, that is said, in a line."""
        lines = (
            "database = sqlite:////nonexistent/x",
            "shards = file:///nonexistent/s, file:///nonexistent/t",
            "master_key = /nonexistent/k",
        )
        text = "\n".join(("[zerostor]", *lines))
        status, out, err = self.run_command("zerostor", "stats", "-c", self.write(text))
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err, "swftp zerostor: /nonexistent/k: cannot be read: No such file or directory\n")

    def test_bad_port(self) -> None:
        """A port that is none is wrong usage."""
        for port in ("x", "-1", "65536"):
            self.assertEqual(self.run_command("demo", f"--port={port}")[0], 2)


class SftpTests(SynchronousTestCase):
    """``swftp-sftp``."""

    def test_wrong_usage(self) -> None:
        """An unknown flag ends with 2."""
        with redirect_stderr(io.StringIO()) as err:
            self.assertEqual(cli.sftp(["--prot=1"]), 2)
        self.assertIn("--config_file", err.getvalue())
