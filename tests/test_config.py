"""Rules of `swftp.config`."""

from __future__ import annotations

import tempfile
from dataclasses import FrozenInstanceError
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from swftp import config
from swftp.config import COMMAND_LINE, Config, ConfigError, Given, load
from swftp.config.document import as_file, shown
from swftp.config.fields import headers, parse, settings_of
from swftp.config.files import build, expanded, read_file
from swftp.config.sections import MIB, OBSOLETE, SECTIONS, FtpConfig

OLD_FILE = """\
[sftp]
auth_url = http://swift.example.org:8080/auth/v1.0
host = 127.0.0.1
port = 2222
priv_key = /etc/swftp/id_rsa
pub_key = /etc/swftp/id_rsa.pub
num_persistent_connections = 20
num_connections_per_session = 5
connection_timeout = 120
sessions_per_user = 3
extra_headers = X-One: 1, X-Two: two
rewrite_storage_scheme = https
rewrite_storage_netloc = proxy.example.org:443
verbose = true
chiphers = blowfish-cbc
macs = hmac-md5
compressions = zlib
log_statsd_host = localhost
stats_host = 127.0.0.1

[ftp]
port = 5021
welcome_message = hello
"""


class FileCase(SynchronousTestCase):
    """Files to read."""

    def write(self, text: str, name: str = "swftp.conf") -> Path:
        """A file with *text*."""
        folder = Path(tempfile.mkdtemp(dir=self.mktemp_folder()))
        path = folder / name
        path.write_text(text)
        return path

    def mktemp_folder(self) -> Path:
        """A folder of this test's own."""
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        return folder.absolute()

    def problems(self, text: str) -> list[str]:
        """What is wrong with *text*, without the name of the file's folder."""
        path = self.write(text)
        error = self.assertRaises(ConfigError, load, str(path))
        return [problem.replace(f"{path.parent}/", "") for problem in error.problems]


class LoadTests(FileCase):
    """Files and command lines become one frozen value."""

    def test_nothing_set(self) -> None:
        """An empty file gives the defaults."""
        self.assertEqual(load(str(self.write("")))[0], Config())

    def test_frozen(self) -> None:
        """Nobody changes the configuration afterwards."""
        self.assertRaises(FrozenInstanceError, setattr, Config().sftp, "port", 1)

    def test_file_of_2014(self) -> None:
        """A file of 2014 works as it is."""
        made, _ = load(str(self.write(OLD_FILE)))
        self.assertEqual((made.sftp.host, made.sftp.port, made.sftp.sessions_per_user), ("127.0.0.1", 2222, 3))
        self.assertEqual((made.sftp.priv_key, made.sftp.verbose), ("/etc/swftp/id_rsa", True))
        self.assertEqual(made.auth.auth_url, "http://swift.example.org:8080/auth/v1.0")
        self.assertEqual(made.auth.rewrite_storage_scheme, "https")
        self.assertEqual(made.auth.rewrite_storage_netloc, "proxy.example.org:443")
        self.assertEqual((made.sftp.log_statsd_host, made.sftp.stats_host), ("localhost", "127.0.0.1"))
        self.assertEqual(made.storage.num_persistent_connections, 20)
        self.assertEqual(made.storage.num_connections_per_session, 5)
        self.assertEqual(made.storage.connection_timeout, 120.0)
        self.assertEqual(made.storage.extra_headers, (("X-One", "1"), ("X-Two", "two")))

    def test_obsolete_options_are_warned_of(self) -> None:
        """What 2014 had and we do not is named with its line, once each, and is no error."""
        _, warnings = load(str(self.write(OLD_FILE)))
        names = [line.split("[sftp] ")[1].split(":")[0] for line in warnings]
        self.assertEqual(names, ["pub_key", "chiphers", "macs", "compressions"])
        self.assertIn("swftp.conf:15: ", warnings[1])

    def test_whose_data_connections(self) -> None:
        """What ties none, or not all, of them to their client is warned of; with TLS for all of it, nothing is."""
        reuse, data, login = "tls_reuse = required", "require_tls_data = yes", "require_tls_login = yes"
        cases: dict[tuple[str, ...], str] = {
            (): "",
            (data,): "",
            (reuse,): "tls_reuse",
            (reuse, data): "",
            (reuse, login): "",
            ("check_peer = no",): "check_peer",
            ("check_peer = no", data): "check_peer",
            ("check_peer = no", reuse): "check_peer",
            ("check_peer = no", reuse, data): "",
            ("check_peer = no", reuse, "client_certificate = required"): "",
        }
        for lines, wanted in cases.items():
            path = str(self.write("\n".join(("[ftp]", *lines))))
            _, warnings = load(path)
            self.assertEqual([line.split("[ftp] ")[1].split(":")[0] for line in warnings], [wanted] if wanted else [])
            self.assertEqual(load(path, protocols=("sftp",))[1], [])

    def test_drop_that_never_begins(self) -> None:
        """A random drop that would begin above where all are refused is warned of; 0 is no limit, and no slip."""
        for start, full, warned in ((500, 400, True), (400, 400, False), (500, 0, False), (0, 400, False)):
            _, warnings = load(str(self.write(f"[limits]\nstartups_start = {start}\nstartups_full = {full}\n")))
            self.assertEqual(["startups_start: is above startups_full" in line for line in warnings], [True] * warned)

    def test_no_option_is_both_obsolete_and_alive(self) -> None:
        """An obsolete name is no option of today."""
        for section, option in OBSOLETE:
            self.assertNotIn(option, settings_of(type(getattr(Config(), section))))

    def test_new_name_and_old_name(self) -> None:
        """Where an option is given under its old and its new name, the later one counts."""
        text = "[sftp]\nauth_url = http://old/v3\n[auth]\nauth_url = http://new/v3\n"
        self.assertEqual(load(str(self.write(text)))[0].auth.auth_url, "http://new/v3")

    def test_old_name_in_either_section(self) -> None:
        """The options that each section of 2014 had for itself are understood in both."""
        for section in ("sftp", "ftp"):
            made, _ = load(str(self.write(f"[{section}]\nauth_url = http://x/v3\nconnection_timeout = 7\n")))
            self.assertEqual((made.auth.auth_url, made.storage.connection_timeout), ("http://x/v3", 7.0))

    def test_protocols(self) -> None:
        """A process of one protocol leaves the other's section alone, whatever it holds."""
        path = str(self.write("[sftp]\nport = x\n[ftp]\nport = 3\n"))
        self.assertEqual(load(path, protocols=("ftp",))[0].ftp.port, 3)
        self.assertRaises(ConfigError, load, path)

    def test_sections_say_what_is_served(self) -> None:
        """A section without an option counts like one that has some; only where there is none are both served."""
        cases = {
            "": ("sftp", "ftp"),
            "[log]\nlevel = warn\n": ("sftp", "ftp"),
            "[sftp]\n": ("sftp",),
            "[sftp]\n#port = 1\n[ftp]\nport = 2\n": ("sftp", "ftp"),
            "[ftp]\nport = 2\n": ("ftp",),
        }
        for text, protocols in cases.items():
            config = load(str(self.write(text)), protocols=None)[0]
            self.assertEqual(config.protocols, protocols)
            again = load(str(self.write(as_file(config))), protocols=None)[0]
            self.assertEqual(again.protocols, protocols)

    def test_command_line_wins(self) -> None:
        """What the command line says goes before what the file says."""
        path = self.write("[sftp]\nport = 1\nhost = h\n")
        made, _ = load(str(path), [Given("sftp", "port", "2", COMMAND_LINE, 0)])
        self.assertEqual((made.sftp.port, made.sftp.host), (2, "h"))

    def test_later_file_wins(self) -> None:
        """With no file named, the system's file and then the user's are read, and the later wins."""
        one = self.write("[sftp]\nport = 1\nhost = system\n", "swftp.conf")
        two = self.write("[sftp]\nport = 2\n", ".swftp.cfg")
        absent = one.with_name("absent.conf")
        made, _ = load(None, searched=(one, absent, two))
        self.assertEqual((made.sftp.port, made.sftp.host), (2, "system"))

    def test_named_file_alone(self) -> None:
        """A file that is named is the only one that is read."""
        system = self.write("[sftp]\nhost = system\n")
        self.assertEqual(load(str(self.write("")), searched=(system,))[0].sftp.host, "0.0.0.0")

    def test_comments_and_continuation(self) -> None:
        """Lines that begin with # or ; are comments, `` ;`` begins one, and indented lines go on."""
        text = "# a\n; b\n[sftp]\nport = 7 ; seven\nhost_keys = /a\n  /b\n"
        made, _ = load(str(self.write(text)))
        self.assertEqual((made.sftp.port, made.sftp.host_keys), (7, ("/a", "/b")))

    def test_percent_is_ordinary(self) -> None:
        """Nothing is interpolated."""
        self.assertEqual(load(str(self.write("[ssh]\nbanner = 100%(x)s\n")))[0].ssh.banner, "100%(x)s")


class ProblemTests(FileCase):
    """What is wrong is said with file, line, option and what is allowed."""

    def test_unknown_option(self) -> None:
        """An unknown option is refused, and the nearest one named."""
        (problem,) = self.problems("[sftp]\n\nprt = 1\n")
        self.assertTrue(problem.startswith("swftp.conf:3: [sftp] prt: unknown option; did you mean port? "), problem)
        self.assertIn("sessions_per_user", problem)

    def test_unknown_section(self) -> None:
        """An unknown section is refused, too."""
        for text in ("[strage]\nlayout = plain\n", "[sftp]\nport = 1\n\n[strage]\n"):
            (problem,) = self.problems(text)
            self.assertIn("unknown section; did you mean storage?", problem)
        self.assertTrue(problem.startswith("swftp.conf:4: [strage]: "), problem)

    def test_letters_in_another_order(self) -> None:
        """Of names that are equally near, the one with the same letters is meant."""
        (problem,) = self.problems("[sftp]\nprot = 1\n")
        self.assertIn("did you mean port? ", problem)

    def test_option_of_another_section(self) -> None:
        """An option in the wrong section is told where it belongs."""
        self.assertEqual(
            self.problems("[sftp]\nsegment_size = 64M\n"),
            ["swftp.conf:2: [sftp] segment_size: belongs in [transfer]"],
        )

    def test_all_at_once(self) -> None:
        """One run shows all problems, each with its own line."""
        problems = self.problems("[sftp]\nport = x\n[log]\nlevel = loud\n[transfer]\nsegment_size = many\n")
        self.assertEqual(
            [problem.split(": ")[0] for problem in problems], ["swftp.conf:2", "swftp.conf:4", "swftp.conf:6"]
        )

    def test_what_is_allowed(self) -> None:
        """Each kind of value says what it may be."""
        cases = {
            "[sftp]\nport = 65536": "'65536' is not from 0 to 65535",
            "[sftp]\nport = 2.5": "'2.5' is not a whole number",
            "[sftp]\nport =": "'' is not a whole number",
            "[sftp]\nverbose = maybe": "'maybe' is not one of: yes, no, true, false, on, off, 1, 0",
            "[sftp]\ndrain_timeout = -1": "'-1' is not 0 or more",
            "[sftp]\ndrain_timeout = nan": "'nan' is not a number",
            "[sftp]\ndrain_timeout = inf": "'inf' is not a number",
            "[storage]\nsegments_suffix =": "'' cannot be the ending of a container's name",
            "[storage]\nsegments_suffix = a/b": "'a/b' cannot be the ending of a container's name",
            "[auth]\ninterface = all": "'all' is not one of: public, internal, admin",
            "[ssh]\nwindow = 1K": "'1K' is not from 64KiB to 1GiB",
            "[transfer]\ntransfer_memory = 1M": "'1M' is not 16MiB or more",
            "[storage]\nlayout = Plain": "'Plain' is not one of: slo, plain",
            "[transfer]\nsegment_size = 32 furlongs": "'32 furlongs' is not a size in bytes (as in 65536,",
            "[storage]\nextra_headers = nothing": "is not of the form name: value",
            "[ftp]\npassive_ports = 9-1": "'9-1' is not of the form first-last, from 1 to 65535",
            "[ftp]\nmasquerade_address = a host": "'a host' is neither an IPv4 address nor a host name",
            "[ftp]\nmasquerade_address = ::1": "'::1' is neither an IPv4 address nor a host name",
            "[ftp]\nmasquerade_address = 999.1.1.1": "'999.1.1.1'",
            "[ftp]\nmasquerade_networks = lan: 10.0.0.1": "'lan' does not appear to be an IPv4 or IPv6 network",
            "[ftp]\nmasquerade_networks = 10.0.0.0/8: ::1": "'::1' is neither an IPv4 address nor a host name",
            "[ftp]\nclient_certificate = yes": "'yes' is not one of: optional, required",
        }
        for text, words in cases.items():
            (problem,) = self.problems(text)
            self.assertIn(words, problem)
            self.assertIn("swftp.conf:2: ", problem)

    def test_command_line_is_named(self) -> None:
        """A bad flag is named as a flag."""
        error = self.assertRaises(
            ConfigError, load, str(self.write("")), [Given("sftp", "port", "x", COMMAND_LINE, 0)]
        )
        self.assertEqual(error.problems, ("command line: --port: 'x' is not a whole number",))

    def test_missing_file(self) -> None:
        """A named file that is not there is a problem."""
        error = self.assertRaises(ConfigError, load, "/nonexistent/swftp.conf")
        self.assertEqual(error.problems, ("/nonexistent/swftp.conf: cannot be read: No such file or directory",))

    def test_not_utf8(self) -> None:
        """A file in another encoding is a problem."""
        path = self.write("")
        path.write_bytes(b"[ssh]\nbanner = \xff\n")
        self.assertIn("is not UTF-8", str(self.assertRaises(ConfigError, read_file, path)))

    def test_not_ini(self) -> None:
        """Lines that say nothing, options before a section and repetitions are named with their line."""
        cases = {
            "[sftp]\nport = 1\nnonsense\n": "swftp.conf:3: neither [section], option = value nor # comment",
            "port = 1\n": "swftp.conf:1: an option before the first [section]",
            "[sftp]\nport = 1\nport = 2\n": "swftp.conf:3: [sftp] port is there twice",
            "[sftp]\n[sftp]\n": "swftp.conf:2: [sftp] is there twice",
        }
        for text, problem in cases.items():
            self.assertEqual(self.problems(text), [problem])

    def test_values_are_not_in_the_repr(self) -> None:
        """What was written may be a secret, and does not show where a Given is printed."""
        self.assertNotIn("hunter2", repr(Given("sftp", "port", "hunter2", "f", 1)))

    def test_every_option_refuses_nonsense(self) -> None:
        """No value, however strange, gives anything but a value or a ValueError."""
        for section in SECTIONS.values():
            for option in settings_of(section).values():
                for text in ("\0", "-1e999", "٣", "1_000", "0x10", '"', "a: b", "," * 50, "9" * 400):
                    try:
                        parse(option, text)
                    except ValueError as error:
                        self.assertTrue(str(error))


class ValueTests(SynchronousTestCase):
    """Texts become values, and values texts."""

    def test_sizes(self) -> None:
        """Sizes are in bytes or with a binary suffix, whatever its spelling."""
        option = settings_of(config.TransferConfig)["segment_size"]
        for text in ("33554432", "32M", "32 MB", "32MiB", "32mib", "32768K", "0.03125G"):
            self.assertEqual(parse(option, text), 32 * MIB, text)

    def test_shown_values_read_back(self) -> None:
        """Every default, as the documentation shows it, means itself."""
        for section in SECTIONS.values():
            for option in settings_of(section).values():
                text = shown(option.default, option.metadata["unit"])
                self.assertEqual(parse(option, text), option.default, option.name)

    @given(st.lists(st.tuples(st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,9}", fullmatch=True), st.text("ab,:\"\\ ;'"))))
    def test_quoted_headers(self, pairs: list[tuple[str, str]]) -> None:
        """Any value can be written in quotes."""
        quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for _, value in pairs)
        text = ", ".join(f'{name}: "{value}"' for (name, _), value in zip(pairs, quoted, strict=True))
        self.assertEqual(headers(text), tuple(pairs))

    def test_plain_headers(self) -> None:
        """As in 2014; a colon in a value needs no quotes."""
        self.assertEqual(headers("K: v, K2:http://x:80 ,"), (("K", "v"), ("K2", "http://x:80")))

    def test_public_addresses(self) -> None:
        """What PASV says is an IPv4 address, or a name of one; of some networks it may be what we really have."""
        options = settings_of(FtpConfig)
        for text in ("", "192.0.2.1", "gw.example.org", "gw", "3com.example."):
            self.assertEqual(parse(options["masquerade_address"], text), text)
        text = "10.0.0.0/8: 10.0.0.1, 192.168.0.1/16: gw.example.org, 172.16.0.0/12:"
        self.assertEqual(
            parse(options["masquerade_networks"], text),
            (("10.0.0.0/8", "10.0.0.1"), ("192.168.0.1/16", "gw.example.org"), ("172.16.0.0/12", "")),
        )

    def test_bad_headers(self) -> None:
        """What is no header is refused: line ends above all."""
        for text in ("K", "K v", ": v", 'K: "open', 'K: "a\nb"', "K\xe9: v", 'K: a"b"', "K: v K2"):
            if text == "K: v K2":
                self.assertEqual(headers(text), (("K", "v K2"),))
                continue
            self.assertRaises(ValueError, headers, text)

    def test_headers_of_ours(self) -> None:
        """What says where a body ends, or whose request it is, cannot be the same for all."""
        for name in ("Content-Length", "transfer-encoding", "X-Auth-Token", "Range"):
            self.assertRaises(ValueError, headers, f"X-One: 1, {name}: 5")


class HomeTests(SynchronousTestCase):
    def test_of_nobody(self):
        """A user that the system does not know, as a dynamic one of systemd's may be, has no home, and needs none."""
        self.assertEqual(expanded("~no such user/keys"), Path("~no such user/keys"))
        self.assertEqual(config.search(None, [Path("~no such user/swftp.cfg")]), [])

    def test_ours(self):
        """Everybody else has one."""
        self.assertEqual(expanded("~/keys"), Path.home() / "keys")


class BuildTests(SynchronousTestCase):
    """Sections without options, and files shared with other servers."""

    def test_foreign_sections(self) -> None:
        """Sections of other servers are left alone, whatever they hold."""
        made, warnings = build(Config, SECTIONS, [Given("ftp", "x", "y", "f", 1)], obsolete={}, foreign=("ftp",))
        self.assertEqual((made, warnings), (Config(), []))
