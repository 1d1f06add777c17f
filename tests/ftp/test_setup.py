"""Rules of `swftp.ftp.commands.setup` and `.about`: what the next transfer is like, and what we say of ourselves."""

from __future__ import annotations

from swftp.ftp.context import Mode, Type
from tests.ftp.case import ControlCase


class SetupCase(ControlCase):
    """Logged in."""

    def setUp(self) -> None:
        """Log in."""
        super().setUp()
        self.client = self.log_in()
        self.ask, self.codes = self.client.ask, self.client.codes

    @property
    def prepared(self) -> list[tuple[object, ...]]:
        """What was asked of the data connection, once."""
        found = list(self.client.context.data.prepared)  # type: ignore[attr-defined]
        self.client.context.data.prepared.clear()  # type: ignore[attr-defined]
        return found


class RepresentationTests(SetupCase):
    """TYPE STRU MODE."""

    def test_type(self) -> None:
        """Bytes as they are, unless lines are asked for; nothing else."""
        self.assertIs(self.client.context.type, Type.IMAGE)
        for argument, code, kind in (("A", 200, "A"), ("I", 200, "I"), ("a n", 200, "A"), ("L 8", 200, "I")):
            self.assertEqual((self.codes(f"TYPE {argument}"), self.client.context.type.value), ([code], kind))
        for argument in ("E", "A T", "L 7", "X", "A C"):
            self.assertEqual(self.codes(f"TYPE {argument}"), [504], argument)

    def test_structure(self) -> None:
        """Files."""
        self.assertEqual(self.codes("STRU F", "STRU f", "STRU R", "STRU P"), [200, 200, 504, 504])

    def test_mode(self) -> None:
        """A stream; compressed only where that is configured."""
        self.assertEqual(self.codes("MODE S", "MODE B", "MODE C", "MODE Z"), [200, 504, 504, 504])
        self.assertNotIn("MODE Z", self.ask("FEAT")[0][1])


class DeflateTests(SetupCase):
    """``mode_z``."""

    settings = {"mode_z": True}

    def test_mode(self) -> None:
        """Then it is offered, and REIN takes it back."""
        self.assertIn("MODE Z", self.ask("FEAT")[0][1])
        self.assertEqual(self.codes("MODE Z"), [200])
        self.assertIs(self.client.context.mode, Mode.DEFLATE)
        self.codes("REIN")
        self.assertIs(self.client.context.mode, Mode.STREAM)


class RefusedAsciiTests(SetupCase):
    """``ascii = refuse``."""

    settings = {"ascii": "refuse"}

    def test_type(self) -> None:
        """TYPE A is refused rather than ignored."""
        self.assertEqual(self.codes("TYPE A", "TYPE I"), [504, 200])
        self.assertIs(self.client.context.type, Type.IMAGE)


class NumberTests(SetupCase):
    """REST and ALLO."""

    def test_restart(self) -> None:
        """An offset is a number of bytes that a file may have."""
        for text, code in (("0", 350), ("9223372036854775807", 350), ("9223372036854775808", 501), ("-1", 501)):
            self.assertEqual(self.codes(f"REST {text}"), [code], text)
        for text in ("x", "1.5", "1 2", "\u0661", "9" * 30):
            self.assertEqual(self.codes(f"REST {text}"), [501], text)

    def test_restart_in_ascii(self) -> None:
        """In TYPE A bytes cannot be counted; the begin of a file is the begin of a file."""
        self.assertEqual(self.codes("TYPE A", "REST 5", "REST 0"), [200, 504, 350])

    def test_allocate(self) -> None:
        """A number, and a record size that nobody needs."""
        self.assertEqual(
            self.codes("ALLO 5", "ALLO 5 R 80", "ALLO x", "ALLO 5 80", "ALLO -1"), [200, 200, 501, 501, 501]
        )


class PassiveTests(SetupCase):
    """PASV and EPSV."""

    def test_pasv(self) -> None:
        """Six numbers: the address that we are known by, and the port."""
        self.assertEqual(self.ask("PASV"), [(227, ["Entering Passive Mode (192,0,2,99,156,64)."])])
        self.assertEqual(self.prepared, [("passive",)])

    def test_epsv(self) -> None:
        """A port alone (RFC 2428 section 3)."""
        self.assertEqual(self.ask("EPSV"), [(229, ["Entering Extended Passive Mode (|||40000|)."])])
        self.assertEqual(self.codes("EPSV 1", "EPSV 2", "EPSV 3"), [229, 522, 522])

    def test_epsv_all(self) -> None:
        """Behind EPSV ALL, nothing else may prepare a connection (RFC 2428 section 4)."""
        self.assertEqual(
            self.codes("EPSV ALL", "PASV", "PORT 192,0,2,1,200,0", "EPRT |1|192.0.2.1|51200|"), [200, 503, 503, 503]
        )
        self.assertEqual((self.codes("EPSV"), self.prepared), ([229], [("passive",)]))

    def test_pasv_over_ipv6(self) -> None:
        """PASV has no way to say an IPv6 address."""
        self.client.control.host = "2001:db8::1"
        self.assertEqual(self.codes("PASV", "EPSV", "EPSV 2", "EPSV 1"), [425, 229, 229, 522])
        self.client.control.host = "::ffff:192.0.2.7"
        self.assertEqual(self.codes("PASV", "EPSV 1"), [227, 229])

    def test_pasv_with_an_ipv6_address(self) -> None:
        """Nor has it where the address that we are known by is one of IPv6."""

        async def address() -> str:
            return "2001:db8::1"

        self.client.context.data.public_address = address  # type: ignore[method-assign]
        self.assertEqual((self.codes("PASV"), self.prepared), ([425], []))

    def test_no_port(self) -> None:
        """Active mode is off unless it is configured, and FEAT does not speak of it."""
        self.assertEqual(self.codes("PORT 192,0,2,1,200,0", "EPRT |1|192.0.2.1|51200|"), [502, 502])
        self.assertEqual(self.prepared, [])
        self.assertNotIn("EPRT", self.ask("FEAT")[0][1])


class ActiveTests(SetupCase):
    """PORT and EPRT where they are allowed."""

    settings = {"active": True}

    def test_port(self) -> None:
        """Address and port are those that were said."""
        self.assertEqual(self.codes("PORT 192,0,2,1,200,1"), [200])
        self.assertEqual(self.prepared, [("active", "192.0.2.1", 51201)])

    def test_eprt(self) -> None:
        """Of either protocol, with any delimiter."""
        self.assertEqual(self.codes("EPRT |1|192.0.2.1|51201|", "EPRT !2!2001:db8::1!51201!"), [200, 200])
        self.assertEqual(self.prepared, [("active", "192.0.2.1", 51201), ("active", "2001:db8::1", 51201)])

    def test_nonsense(self) -> None:
        """What is no address prepares nothing."""
        for line in ("1,2,3,4,5", "1,2,3,4,5,256", "1,2,3,4,5,6,7", "a", "-1,2,3,4,5,6", "01e1,2,3,4,5,6"):
            self.assertEqual(self.codes(f"PORT {line}"), [501], line)
        for line in (
            "|1|192.0.2.1|",
            "|1|2001:db8::1|5|",
            "|2|192.0.2.1|5|",
            "|1|localhost|5000|",
            "x",
            "||||",
            "|1|192.0.2.1|x|",
        ):
            self.assertIn(self.codes(f"EPRT {line}"), ([501], [522]), line)
        self.assertEqual(self.codes("EPRT |3|192.0.2.1|51201|"), [522])
        self.assertEqual(self.prepared, [])


class AboutTests(SetupCase):
    """FEAT HELP SYST STAT CLNT CSID LANG OPTS."""

    def test_features(self) -> None:
        """What FEAT names can be done, and every line is one (RFC 2389 section 3.2)."""
        ((code, lines),) = self.ask("FEAT")
        self.assertEqual((code, lines[0], lines[-1]), (211, "Features:", "End"))
        names = {line.split()[0] for line in lines[1:-1]}
        expected = {"AVBL", "CLNT", "COMB", "CSID", "EPSV", "HASH", "LANG", "MDTM", "MFMT", "MLST", "PASV", "REST"}
        self.assertLessEqual(expected | {"SIZE", "SITE", "UTF8", "XCRC", "XMD5"}, names)
        for name in names - {"UTF8", "SITE"}:
            self.assertIn(name, self.factory.commands)

    def test_help(self) -> None:
        """HELP names every command, and tells of each how it is written."""
        ((code, lines),) = self.ask("HELP")
        named = {word for line in lines for word in line.split()}
        self.assertEqual(code, 214)
        self.assertLessEqual({name for name in self.factory.commands if " " not in name}, named)
        self.assertEqual(self.ask("HELP rest"), [(214, ["Usage: REST bytes"])])
        self.assertEqual(self.codes("HELP XYZZY"), [501])

    def test_site_help(self) -> None:
        """SITE HELP names those of SITE."""
        for line in ("SITE HELP", "SITE", "HELP SITE"):
            ((code, lines),) = self.ask(line)
            self.assertEqual(
                (code, " ".join(lines[1:-1]).split()), (214, ["CHMOD", "COPY", "HELP", "SYMLINK", "UTIME"])
            )
        self.assertEqual(self.ask("SITE HELP CHMOD"), [(214, ["Usage: SITE CHMOD mode path"])])

    def test_status(self) -> None:
        """STAT tells of the connection."""
        ((code, lines),) = self.ask("STAT")
        self.assertEqual(code, 211)
        self.assertIn("Logged in as test:tester", lines)
        self.assertIn("No transfer is running", lines)

    def test_small_talk(self) -> None:
        """Clients ask, and are content."""
        self.assertEqual(
            self.codes("SYST", "CLNT x", "CSID Name=x;", "LANG", "LANG en", "LANG de"), [215, 200, 200, 200, 200, 504]
        )
        self.assertEqual(
            self.codes("OPTS UTF8 ON", "OPTS utf8", "OPTS UTF8 OFF", "OPTS", "OPTS MLST size;"),
            [200, 200, 504, 501, 200],
        )
