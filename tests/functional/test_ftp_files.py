"""
Directories and files of FTP on a real Swift: lists, names, times, modes, checksums, quotas.

Names of tests follow those of ftpserverlib's suite where it has one, so that it can serve as a checklist.
"""

from __future__ import annotations

import ftplib
import hashlib
import zlib

from tests.functional.case import KIB, MIB, content
from tests.functional.ftp import FtpCase, get, lines, put, within
from tests.functional.processes import eventually

WHEN = "20090213233130"


class DirectoryTests(FtpCase):
    """Directories and lists."""

    def test_dir_handling(self) -> None:
        """MKD, CWD, PWD, CDUP, RMD; a missing one, one that exists, one that is not empty."""
        client = self.ftp()
        self.assertEqual(client.mkd("dir"), f"/{self.container}/dir")
        self.refused(550, client, "MKD dir")
        self.refused(550, client, "MKD none/dir")
        client.cwd("dir")
        self.assertEqual(client.pwd(), f"/{self.container}/dir")
        put(client, "f", b"1")
        client.sendcmd("CDUP")
        self.refused(550, client, "RMD dir")
        client.delete("dir/f")
        client.rmd("dir")
        self.refused(550, client, "RMD dir")
        self.refused(550, client, "CWD dir")

    def test_quotes_in_names(self) -> None:
        """A quote in a name is doubled in 257."""
        client = self.ftp()
        self.assertEqual(client.mkd('a"b'), f'/{self.container}/a"b')
        client.cwd('a"b')
        self.assertEqual(client.pwd(), f'/{self.container}/a"b')

    def test_cwd_to_regular_file(self) -> None:
        """550."""
        self.store.put(self.container, "file", b"1")
        self.refused(550, self.ftp(), "CWD file")

    def test_clean_path(self) -> None:
        """Dots and slashes are resolved, and never lead out."""
        client = self.ftp()
        for path in ("/", "//", "/..", "/../../", "/./", f"/{self.container}/.."):
            client.cwd(path)
            self.assertEqual(client.pwd(), "/")
        client.cwd(f"//{self.container}//./")
        self.assertEqual(client.pwd(), f"/{self.container}")

    def test_containers(self) -> None:
        """The root lists containers; MKD makes, RMD removes one."""
        client = self.ftp()
        other = f"{self.container}-other"
        client.mkd(f"/{other}")
        self.assertIn(other, client.nlst("/") + [name.lstrip("/") for name in client.nlst("/")])
        self.refused(550, client, f"DELE /{other}")
        client.rmd(f"/{other}")
        self.assertNotIn(other, self.store.containers())
        self.refused(550, client, "RMD /")

    def test_dir_listing(self) -> None:
        """LIST, NLST, MLSD of markers, implied directories and files, each once."""
        self.store.put_directory(self.container, "marker")
        self.store.put(self.container, "implied/f", b"1")
        self.store.put(self.container, "file", b"123")
        client = self.ftp()
        self.assertEqual(sorted(client.nlst()), ["file", "implied", "marker"])
        long = {line.split()[-1]: line for line in lines(client)}
        self.assertEqual({name: line[0] for name, line in long.items()}, {"file": "-", "implied": "d", "marker": "d"})
        facts = dict(client.mlsd())
        self.assertEqual(
            {name: fact["type"] for name, fact in facts.items()}, {"file": "file", "implied": "dir", "marker": "dir"}
        )
        self.assertEqual(facts["file"]["size"], "3")
        self.assertEqual(facts["file"]["modify"], client.sendcmd("MDTM file")[4:])

    def test_dir_listing_of_paths(self) -> None:
        """LIST and NLST of a directory, of a file, of nothing; MLSD of a file is 501."""
        self.store.put(self.container, "dir/f", b"1")
        client = self.ftp()
        self.assertEqual(client.nlst("dir"), ["dir/f"])
        self.assertEqual(client.nlst("dir/f"), ["dir/f"])
        self.assertEqual(len(lines(client, "LIST dir/f")), 1)
        for command in ("LIST none", "NLST none", "MLSD none", "MLST none"):
            error = self.assertRaises(ftplib.error_perm, lines, client, command)
            self.assertEqual(str(error)[:3], "550", command)
        error = self.assertRaises(ftplib.error_perm, lines, client, "MLSD dir/f")
        self.assertEqual(str(error)[:3], "501")
        client.voidcmd("NOOP")

    def test_list_args(self) -> None:
        """Options and patterns."""
        for name in ("a.txt", "b.txt", "two  blanks", "-la"):
            self.store.put(self.container, name, b"1")
        client = self.ftp()
        for options in ("-a", "-l", "-la", "-al", "-l -a", "-R", "-aL"):
            self.assertEqual(len(lines(client, f"LIST {options}")), 4, options)
        self.assertEqual(len(lines(client, "LIST -a .")), 4)
        self.assertEqual(len(lines(client, "LIST two  blanks")), 1)
        self.assertEqual(len(lines(client, "LIST ./-la")), 1)
        self.assertEqual(sorted(client.nlst("*.txt")), ["a.txt", "b.txt"])
        self.assertEqual(len(lines(client, "NLST -l")), 4)
        self.assertEqual(lines(client, "LIST *.none"), [])

    def test_odd_names(self) -> None:
        """Every name that Swift takes is listed, found and fetched; one with CR or LF is not listed."""
        names = [
            "sp ace",
            "ünï",
            "ッ",
            "qu'o\"te",
            "per%20cent",
            "a;b&c=d?e#f+g",
            "[x]*",
            "-dash",
            "tab\there",
            "x y ",
            "\N{NO-BREAK SPACE}",
            "del\x7f",
            "a\\b",
            "~",
            "~root",
            "C:",
            "...",
            "%s%n",
        ]
        for name in names:
            self.store.put(self.container, name, name.encode())
        self.store.put(self.container, "evil\r\n226 forged", b"x")
        client = self.ftp()
        self.assertEqual(sorted(client.nlst()), sorted(names))
        self.assertEqual(sorted(name for name, _ in client.mlsd()), sorted(names))
        for name in names:
            self.assertEqual(get(client, name), name.encode(), name)
            shown = "".join(c if c >= " " and c != "\x7f" else "?" for c in name)  # in a reply
            self.assertTrue(client.sendcmd(f"MLST {name}").split("\n")[1].endswith("/" + shown), name)

    def test_mlst_and_opts(self) -> None:
        """MLST of a path; OPTS MLST chooses facts."""
        self.store.put(self.container, "file", b"123")
        client = self.ftp()
        _, line, _ = client.sendcmd("MLST file").split("\n")
        self.assertRegex(
            line, rf"^ type=file;size=3;modify=\d{{14}};perm=\w+;UNIX.mode=0644; /{self.container}/file$"
        )
        self.assertEqual(client.sendcmd("OPTS MLST size;type;"), "200 MLST OPTS type;size;")
        self.assertEqual(client.sendcmd("MLST file").split("\n")[1], f" type=file;size=3; /{self.container}/file")
        self.assertIn("MLST type*;size*;modify;", client.sendcmd("FEAT"))

    def test_stat_file_and_directory(self) -> None:
        """STAT with a path lists over the control connection."""
        self.store.put(self.container, "dir/f", b"123")
        client = self.ftp()
        for path in ("dir", "dir/f", "dir/*"):
            answer = client.sendcmd(f"STAT {path}").split("\n")
            self.assertEqual((answer[0][:4], answer[-1][:4], len(answer)), ("213-", "213 ", 3), path)
            self.assertRegex(answer[1], r"^ ?-rw-r--r-- .* f$")
        self.refused(550, client, "STAT none")

    def test_many_names(self) -> None:
        """10,100 names (more than a page of Swift) in one list, nothing twice, also in a directory."""
        self.store.fill(self.container, [f"{n:05}" for n in range(5000)] + [f"sub/{n:05}" for n in range(10_100)])
        client = self.ftp()
        self.assertEqual(sorted(client.nlst()), [*(f"{n:05}" for n in range(5000)), "sub"])
        with within(20):
            self.assertEqual(sorted(client.nlst("sub")), [f"sub/{n:05}" for n in range(10_100)])
        self.assertEqual(len(lines(client, "LIST sub")), 10_100)
        self.assertEqual(len(dict(client.mlsd("sub"))), 10_100)


class FileTests(FtpCase):
    """What belongs to files."""

    def test_size_and_mdtm(self) -> None:
        """Of files; of a container its bytes, as in 2014; of nothing 550; in TYPE A 550."""
        self.store.put(self.container, "f", bytes(1024))
        client = self.ftp()
        self.assertEqual(client.size("f"), 1024)
        self.assertTrue(eventually(lambda: client.size(f"/{self.container}") == 1024))
        self.assertEqual(client.size("/"), 0)
        self.refused(550, client, "SIZE none")
        self.refused(550, client, f"SIZE /{self.container}-none/x")
        self.assertRegex(client.sendcmd("MDTM f"), r"^213 \d{14}$")
        self.refused(550, client, "MDTM none")
        client.sendcmd("TYPE A")
        self.refused(550, client, "SIZE f")

    def test_mfmt(self) -> None:
        """MFMT sets what MDTM and MLST say; a time that is none is 501."""
        self.store.put(self.container, "f", b"1")
        client = self.ftp()
        self.assertEqual(client.sendcmd(f"MFMT {WHEN} f"), f"213 Modify={WHEN}; f")
        self.assertEqual(client.sendcmd("MDTM f"), f"213 {WHEN}")
        self.assertIn(f"modify={WHEN};", client.sendcmd("MLST f"))
        self.assertIn(f"modify={WHEN};", "".join(lines(client, "MLSD")))
        self.assertEqual((self.store.head(self.container, "f") or {})["x-object-meta-mtime"][:10], "1234567890")
        for bad in ("2009 f", "20091332000000 f", "f", WHEN):
            self.refused(501, client, f"MFMT {bad}")
        self.refused(550, client, f"MFMT {WHEN} none")

    def test_chmod_and_utime(self) -> None:
        """SITE CHMOD and SITE UTIME."""
        self.store.put(self.container, "f", b"1")
        client = self.ftp()
        client.sendcmd("SITE CHMOD 600 f")
        self.assertIn("UNIX.mode=0600;", client.sendcmd("MLST f"))
        self.assertTrue(lines(client)[0].startswith("-rw-------"))
        client.sendcmd(f"SITE UTIME {WHEN} f")
        self.assertEqual(client.sendcmd("MDTM f"), f"213 {WHEN}")
        for bad in ("SITE CHMOD 999 f", "SITE CHMOD 600", "SITE UTIME x f"):
            self.refused(501, client, bad)
        self.refused(550, client, "SITE CHMOD 600 none")
        self.refused(504, client, "SITE EXEC id")

    def test_symlink_and_copy(self) -> None:
        """SITE SYMLINK and SITE COPY."""
        self.store.put(self.container, "f", b"content")
        client = self.ftp()
        client.sendcmd("SITE SYMLINK f l")
        self.assertEqual(get(client, "l"), b"content")
        self.assertIn("l -> f", "\n".join(lines(client)))
        client.sendcmd('SITE COPY f "a copy"')
        self.assertStored("a copy", b"content")

    def test_rename(self) -> None:
        """Files, over existing ones, across containers, large ones, directories with content; refusals."""
        self.store.put(self.container, "a", b"a")
        self.store.put(self.container, "b", b"b")
        self.store.put_large(self.container, "large", [b"1" * 1000, b"2" * 1000])
        self.store.put(self.container, "dir/sub/f", b"deep")
        self.store.put_directory(self.container, "full")
        self.store.put(self.container, "full/f", b"1")
        client = self.ftp()
        client.rename("a", "b")
        self.assertStored("b", b"a")
        self.assertStored("a", None)
        client.rename("b", "b")
        self.assertStored("b", b"a")
        client.rename("large", "dir/large")
        self.assertStored("dir/large", b"1" * 1000 + b"2" * 1000)
        client.rename("dir", "moved")
        self.assertStored("moved/sub/f", b"deep")
        self.assertRaises(ftplib.error_perm, client.rename, "none", "x")
        self.assertRaises(ftplib.error_perm, client.rename, "moved", "full")
        self.refused(503, client, "RNTO x")
        client.sendcmd("RNFR b")
        client.voidcmd("NOOP")

    def test_rename_of_containers(self) -> None:
        """An empty one, and (other than in 2014) a full one with all that it holds; never the account."""
        client = self.ftp()
        name = f"{self.container}-e"
        self.store.connection.put_container(name)
        client.rename(f"/{name}", f"/{name}2")
        self.assertIn(f"{name}2", self.store.containers())
        self.store.put(f"{name}2", "f", b"1")
        client.rename(f"/{name}2", f"/{name}3")
        self.assertEqual(self.store.get(f"{name}3", "f"), b"1")
        self.assertNotIn(f"{name}2", self.store.containers())
        self.assertRaises(ftplib.Error, client.rename, "/", "/x")

    def test_delete(self) -> None:
        """DELE of a file, of a large one, of nothing, of a directory."""
        self.store.put(self.container, "f", b"1")
        self.store.put_large(self.container, "large", [b"1" * 1000, b"2" * 1000])
        self.store.put_directory(self.container, "dir")
        client = self.ftp()
        client.delete("f")
        client.delete("large")
        self.assertEqual(self.store.names(self.container), ["dir"])
        for path in ("f", "dir", "/", f"/{self.container}"):
            self.refused(550, client, f"DELE {path}")

    def test_hash(self) -> None:
        """OPTS HASH and HASH with each algorithm; the older commands, with ranges."""
        data = content(3 * MIB)
        self.store.put(self.container, "a file", data)
        client = self.ftp()
        for name, value in (
            ("SHA-256", hashlib.sha256(data).hexdigest()),
            ("SHA-512", hashlib.sha512(data).hexdigest()),
            ("SHA-1", hashlib.sha1(data).hexdigest()),
            ("MD5", hashlib.md5(data).hexdigest()),
            ("CRC32", f"{zlib.crc32(data):08x}"),
        ):
            self.assertEqual(client.sendcmd(f"OPTS HASH {name}"), f"200 {name}")
            self.assertEqual(client.sendcmd("HASH a file"), f"213 {name} 0-{len(data)} {value} a file")
            self.assertIn(f"{name}*", client.sendcmd("FEAT"))
        self.refused(501, client, "OPTS HASH MD2")
        self.assertEqual(client.sendcmd('XCRC "a file"'), f"250 {zlib.crc32(data):08X}")
        self.assertEqual(
            client.sendcmd('XSHA256 "a file" 100 2000'), f"250 {hashlib.sha256(data[100:2000]).hexdigest().upper()}"
        )
        self.assertEqual(client.sendcmd("MD5 a file"), f"251 a file {hashlib.md5(data).hexdigest().upper()}")
        self.assertEqual(client.sendcmd("XSHA512 a file")[:4], "250 ")
        self.refused(550, client, "HASH none")

    def test_hash_of_large(self) -> None:
        """The checksum of a large object is that of its bytes, not of its manifest."""
        self.store.put_large(self.container, "large", [b"1" * 1000, b"2" * 1000])
        found = self.ftp().sendcmd("XMD5 large")
        self.assertEqual(found[4:], hashlib.md5(b"1" * 1000 + b"2" * 1000).hexdigest().upper())

    def test_comb(self) -> None:
        """Parts become one file, made by the store, and go."""
        parts = [content(700 * KIB, n) for n in range(3)]
        client = self.ftp()
        for number, part in enumerate(parts):
            put(client, f"part {number}", part)
        client.sendcmd('COMB whole "part 0" "part 1" "part 2"')
        self.assertStored("whole", b"".join(parts))
        self.assertEqual(self.store.names(self.container), ["whole"])
        self.assertEqual(str(self.assertRaises(ftplib.Error, client.sendcmd, "COMB whole none"))[:3], "550")
        self.assertStored("whole", b"".join(parts))

    def test_comb_of_itself(self) -> None:
        """A file that is its own part is never lost."""
        self.store.put(self.container, "a", b"a")
        self.store.put(self.container, "b", b"b")
        self.assertRaises(ftplib.Error, self.ftp().sendcmd, "COMB a b a")
        self.assertStored("a", b"a")

    def test_avbl_and_allo(self) -> None:
        """The quota: AVBL says what is left, ALLO of more is refused, and so is the upload."""
        self.store.connection.post_container(self.container, {"X-Container-Meta-Quota-Bytes": str(3 * MIB)})
        client = self.ftp()
        self.assertEqual(client.sendcmd("AVBL"), f"213 {3 * MIB}")
        self.refused(552, client, f"ALLO {4 * MIB}")
        self.assertEqual(client.sendcmd(f"ALLO {2 * MIB}")[:1], "2")
        error = self.assertRaises(ftplib.Error, put, client, "f", content(4 * MIB))
        self.assertEqual(str(error)[:3], "552")
        self.assertStored("f", None)

    def test_upload_error_codes(self) -> None:
        """Where no file can be: the account, a directory, a missing container, a name that is none."""
        self.store.put_directory(self.container, "dir")
        client = self.ftp()
        for name, codes in (
            ("/file", ("550", "553")),
            ("dir", ("550",)),
            (f"/{self.container}-none/f", ("550",)),
            ("x" * 300, ("553",)),
        ):
            error = self.assertRaises(ftplib.Error, put, client, name, b"x")
            self.assertIn(str(error)[:3], codes, name)
        client.voidcmd("NOOP")
