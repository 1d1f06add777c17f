"""The commands there are: verb -> row.  Whoever adds one writes a function and a row."""

from __future__ import annotations

from swftp.ftp import checksums, facts, transfers
from swftp.ftp.command import Argument, Command, Kind
from swftp.ftp.commands import about, access, files, listings, navigation, setup
from swftp.ftp.context import Context

NONE, OPTIONAL, REQUIRED = Argument.NONE, Argument.OPTIONAL, Argument.REQUIRED
OPEN = Kind(login=False)
ASIDE = Kind(login=False, during_transfer=True, keeps=True)
LOOKS = Kind(keeps=True)
PREPARES = Kind(keeps=True)
OPENLY = Kind(login=False, keeps=True)
TRANSFER = Kind(transfer=True)


def _auth(context: Context) -> str:
    return "AUTH TLS" if context.control.can_tls else ""


def _pbsz(context: Context) -> str:
    return "PBSZ" if context.control.can_tls else ""


def _prot(context: Context) -> str:
    return "PROT" if context.control.can_tls else ""


def _deflate(context: Context) -> str:
    return "MODE Z" if context.settings.mode_z else ""


def _port(context: Context) -> str:
    return "EPRT" if context.settings.active else ""


COMMANDS: dict[str, Command] = {
    "USER": Command(access.user, REQUIRED, OPEN, usage="name"),
    "PASS": Command(access.password, OPTIONAL, OPEN, usage="password"),
    "ACCT": Command(access.account, OPTIONAL, OPEN),
    "REIN": Command(access.reinitialize, NONE, OPEN),
    "QUIT": Command(access.leave, OPTIONAL, OPEN),
    "AUTH": Command(access.auth, REQUIRED, OPEN, _auth, "TLS"),
    "PBSZ": Command(access.buffer_size, REQUIRED, OPENLY, _pbsz, "0"),
    "PROT": Command(access.protection, REQUIRED, OPENLY, _prot, "C|P"),
    "CCC": Command(access.clear_control, OPTIONAL, OPEN),
    "HOST": Command(access.host, OPTIONAL, OPEN, usage="name"),
    "FEAT": Command(about.features, OPTIONAL, OPENLY),
    "OPTS": Command(about.options, OPTIONAL, OPENLY, usage="command [options]"),
    "OPTS UTF8": Command(about.utf8, OPTIONAL, OPENLY, usage="ON"),
    "OPTS UTF-8": Command(about.utf8, OPTIONAL, OPENLY, usage="ON"),
    "OPTS MLST": Command(facts.opts_mlst, OPTIONAL, OPENLY, usage="fact;fact;..."),
    "OPTS HASH": Command(checksums.opts_hash, OPTIONAL, OPENLY, usage="[algorithm]"),
    "HELP": Command(about.help_, OPTIONAL, OPENLY, usage="[command]"),
    "SYST": Command(about.system, OPTIONAL, OPENLY),
    "NOOP": Command(about.nothing, OPTIONAL, ASIDE),
    "STAT": Command(about.status, OPTIONAL, Kind(during_transfer=True, keeps=True), usage="[path]"),
    "CLNT": Command(about.client, OPTIONAL, OPENLY, "CLNT", "name"),
    "CSID": Command(about.client_identity, OPTIONAL, OPENLY, "CSID", "name=value;..."),
    "LANG": Command(about.language, OPTIONAL, OPENLY, "LANG EN*", "[language]"),
    "PWD": Command(navigation.print_directory, OPTIONAL, LOOKS),
    "XPWD": Command(navigation.print_directory, OPTIONAL, LOOKS),
    "CWD": Command(navigation.change_directory, REQUIRED, usage="directory"),
    "XCWD": Command(navigation.change_directory, REQUIRED, usage="directory"),
    "CDUP": Command(navigation.change_up, OPTIONAL),
    "XCUP": Command(navigation.change_up, OPTIONAL),
    "MKD": Command(files.make_directory, REQUIRED, usage="directory"),
    "XMKD": Command(files.make_directory, REQUIRED, usage="directory"),
    "RMD": Command(files.remove_directory, REQUIRED, usage="directory"),
    "XRMD": Command(files.remove_directory, REQUIRED, usage="directory"),
    "DELE": Command(files.delete, REQUIRED, usage="file"),
    "RNFR": Command(files.rename_from, REQUIRED, usage="path"),
    "RNTO": Command(files.rename_to, REQUIRED, usage="path"),
    "SIZE": Command(files.size, REQUIRED, LOOKS, "SIZE", "file"),
    "MDTM": Command(files.modified, REQUIRED, LOOKS, "MDTM", "file"),
    "MFMT": Command(files.modify, REQUIRED, feature="MFMT", usage="YYYYMMDDHHMMSS path"),
    "AVBL": Command(files.available, OPTIONAL, LOOKS, "AVBL", "[path]"),
    "COMB": Command(files.combine, REQUIRED, feature="COMB", usage="file part part ..."),
    "SITE": Command(about.site, OPTIONAL, LOOKS, usage="command"),
    "SITE HELP": Command(about.site_help, OPTIONAL, LOOKS, usage="[command]"),
    "SITE CHMOD": Command(files.change_mode, REQUIRED, feature="SITE CHMOD", usage="mode path"),
    "SITE UTIME": Command(files.touch, REQUIRED, feature="SITE UTIME", usage="YYYYMMDDHHMMSS path"),
    "SITE SYMLINK": Command(files.link, REQUIRED, feature="SITE SYMLINK", usage="target link"),
    "SITE COPY": Command(files.copy, REQUIRED, feature="SITE COPY", usage="file copy"),
    "TYPE": Command(setup.type_, REQUIRED, PREPARES, usage="A|I"),
    "STRU": Command(setup.structure, REQUIRED, PREPARES, usage="F"),
    "MODE": Command(setup.mode, REQUIRED, PREPARES, _deflate, "S|Z"),
    "REST": Command(setup.restart, REQUIRED, PREPARES, "REST STREAM", "bytes"),
    "ALLO": Command(setup.allocate, REQUIRED, PREPARES, usage="bytes"),
    "PASV": Command(setup.passive, OPTIONAL, PREPARES, "PASV"),
    "EPSV": Command(setup.extended_passive, OPTIONAL, PREPARES, "EPSV", "[1|2|ALL]"),
    "PORT": Command(setup.port, REQUIRED, PREPARES, usage="h,h,h,h,p,p"),
    "EPRT": Command(setup.extended_port, REQUIRED, PREPARES, _port, "|protocol|address|port|"),
    "RETR": Command(transfers.retr, REQUIRED, TRANSFER, usage="file"),
    "STOR": Command(transfers.stor, REQUIRED, TRANSFER, usage="file"),
    "STOU": Command(transfers.stou, OPTIONAL, TRANSFER, usage="[name]"),
    "APPE": Command(transfers.appe, REQUIRED, TRANSFER, usage="file"),
    "ABOR": Command(transfers.abor, NONE, Kind(login=False, during_transfer=True)),
    "LIST": Command(listings.list_, OPTIONAL, TRANSFER, usage="[options] [path]"),
    "NLST": Command(listings.nlst, OPTIONAL, TRANSFER, usage="[options] [path]"),
    "MLSD": Command(listings.mlsd, OPTIONAL, TRANSFER, usage="[path]"),
    "MLST": Command(listings.mlst, OPTIONAL, LOOKS, lambda context: facts.features(context)[0], "[path]"),
    "HASH": Command(checksums.hash_, REQUIRED, LOOKS, lambda context: checksums.features(context)[0], "file"),
    "MD5": Command(checksums.md5, REQUIRED, LOOKS, "MD5", "file"),
    "XCRC": Command(checksums.xcrc, REQUIRED, LOOKS, "XCRC", "file [start end]"),
    "XMD5": Command(checksums.xmd5, REQUIRED, LOOKS, "XMD5", "file [start end]"),
    "XSHA": Command(checksums.xsha, REQUIRED, LOOKS, "XSHA", "file [start end]"),
    "XSHA1": Command(checksums.xsha1, REQUIRED, LOOKS, "XSHA1", "file [start end]"),
    "XSHA256": Command(checksums.xsha256, REQUIRED, LOOKS, "XSHA256", "file [start end]"),
    "XSHA512": Command(checksums.xsha512, REQUIRED, LOOKS, "XSHA512", "file [start end]"),
}
"""Two words where the first needs the second; FEAT and HELP are made from the rows."""
