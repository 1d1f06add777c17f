"""
Configuration files and command lines -> one frozen value, or every problem with its place.

Later files win over earlier ones, the command line wins over files.  All problems are gathered before anything
is reported, so that one run shows them all.
"""

from __future__ import annotations

import configparser
import difflib
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from swftp.config.fields import parse, settings_of

EX_CONFIG = 78
"""Exit status of a configuration that cannot be used (sysexits.h)."""
SYSTEM_FILE = Path("/etc/swftp/swftp.conf")
SEARCH = (SYSTEM_FILE, Path("~/.swftp.cfg"))
"""Read in this order where they exist and no file is named; the later wins."""

SECTION_LINE = re.compile(r"\[([^]]+)\]")
OPTION_LINE = re.compile(r"([^\s#;\[=:][^=:]*?)\s*[=:]")
PASSWORD = re.compile(r"^[^#;\n]*://[^/@\s]*:[^/@\s]+@", re.MULTILINE)
"""In a URL."""
FORBIDDEN = 0o027
"""Permission bits of a file that holds one."""
COMMAND_LINE = "command line"
OLD = ("sftp", "ftp")
"""Sections of 2014, each of which had all options of one process."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Given:
    """One option as somebody wrote it."""

    section: str
    option: str
    text: str = field(repr=False)
    file: str
    line: int

    @property
    def key(self) -> tuple[str, str]:
        """Section and option."""
        return self.section, self.option

    @property
    def place(self) -> str:
        """Where it was written, for a message."""
        if self.file == COMMAND_LINE:
            return f"{COMMAND_LINE}: --{self.option}"
        return f"{self.file}:{self.line}: [{self.section}] {self.option}"


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says."""

    sections: Mapping[str, str]
    """Each, also one without an option: where it is, for a message."""
    givens: Sequence[Given]


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` has one line for each reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def expanded(name: str | Path) -> Path:
    """*name* with its ``~`` said in full; as it is where we have no home, as under ``DynamicUser=`` of systemd."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def search(named: str | None, searched: Iterable[Path] = SEARCH) -> list[Written]:
    """
    What the file *named*, or else every existing file of *searched*, says.

    :raises ConfigError: a file cannot be read or is no INI file.
    """
    if named:
        return [read_file(Path(named))]
    return [read_file(path) for path in map(expanded, searched) if path.exists()]


def read_file(path: Path) -> Written:
    """
    The sections and options of the INI file *path*, in its order.

    :raises ConfigError: it cannot be read, or a line of it is neither section, option nor comment.
    """
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",), default_section="")
    try:
        text = path.read_text("utf-8")
        parser.read_string(text, str(path))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8"]) from error
    except configparser.Error as error:
        raise ConfigError(_malformed(path, error)) from error
    lines = _lines(text)
    if PASSWORD.search(text) and (mode := path.stat().st_mode & 0o777) & FORBIDDEN:
        words = "others can read or change it"
        raise ConfigError([f"{path}: holds a password, and {words} (mode {mode:04o}); allowed: 0600 or 0640"])
    sections = parser.sections()
    return Written(
        {section: f"{path}:{lines.get((section, ''), 0)}: [{section}]" for section in sections},
        [
            Given(section, option, value, str(path), lines.get((section, option), 0))
            for section in sections
            for option, value in parser.items(section)
        ],
    )


def _malformed(path: Path, error: configparser.Error) -> list[str]:
    match error:
        case configparser.MissingSectionHeaderError():
            return [f"{path}:{error.lineno}: an option before the first [section]"]
        case configparser.ParsingError():
            words = "neither [section], option = value nor # comment"
            return [f"{path}:{line}: {words}" for line, _ in error.errors]
        case configparser.DuplicateSectionError():
            return [f"{path}:{error.lineno}: [{error.section}] is there twice"]
        case configparser.DuplicateOptionError():
            return [f"{path}:{error.lineno}: [{error.section}] {error.option} is there twice"]
    return [f"{path}: {error.message}"]


def _lines(text: str) -> dict[tuple[str, str], int]:
    """The line of each option, and of each section as that of no option; configparser does not tell."""
    lines: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := SECTION_LINE.match(line):
            section = match[1]
            lines.setdefault((section, ""), number)
        elif match := OPTION_LINE.match(line):
            lines.setdefault((section, match[1].lower()), number)
    return lines


def build(
    make: Callable[..., T],
    sections: Mapping[str, type],
    givens: Sequence[Given],
    *,
    headings: Mapping[str, str] = MappingProxyType({}),
    obsolete: Mapping[tuple[str, str], str],
    foreign: Iterable[str] = (),
    families: Mapping[str, type] = MappingProxyType({}),
) -> tuple[T, list[str]]:
    """
    What *make* makes of *sections*, each built of *givens*, and of ``places``; and the warnings *givens* deserve.

    :param headings: sections that are there, also those without an option, and where.
    :param obsolete: options that are understood no longer, and what to say of each.
    :param foreign: sections that are somebody else's.
    :param families: of sections as ``[login NAME]``: first word -> class; *make* gets what each sets as ``logins``.
    :raises ConfigError: unknown sections or options, or values that are not allowed.
    """
    aliases = _aliases(sections)
    values: dict[str, dict[str, Any]] = {}
    places: dict[tuple[str, str], str] = {}
    owners: dict[tuple[str, str], Given] = {}
    problems = _strangers(sections, families, headings, {given.section for given in givens})
    ours = [given for given in givens if given.section not in foreign]
    warnings = [f"{given.place}: {obsolete[given.key]}" for given in ours if given.key in obsolete]
    for given in (given for given in ours if given.key not in obsolete):
        section, option = aliases.get(given.key, given.key)
        before = owners.get((section, option), given)
        if {before.section, given.section} == set(OLD) and before.text != given.text:
            problems.append(f"{given.place}: differs from {before.place}; set it once, in [{section}]")
        owners[section, option] = given
        try:
            known, places[section, option] = _known(sections, families, section, option), given.place
            values.setdefault(section, {})[option] = parse(known, given.text.strip())
        except ValueError as error:
            problems.append(f"{given.place}: {error}")
    if problems:
        raise ConfigError(problems)
    return make(**_made(sections, families, values), places=places), warnings


def _made(
    sections: Mapping[str, type], families: Mapping[str, type], values: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    made = {name: section(**values.get(name, {})) for name, section in sections.items()}
    return {**made, **{f"{family}s": _members(family, values) for family in families}}


def _members(family: str, values: Mapping[str, dict[str, Any]]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """What ``[family NAME]`` sets, by NAME."""
    words = ((name.partition(" "), given) for name, given in values.items())
    return tuple((name.strip(), given) for (first, _, name), given in words if first == family)


def _known(sections: Mapping[str, type], families: Mapping[str, type], section: str, option: str) -> Field[Any]:
    """
    :raises ValueError: there is no such section, or it has no such option.
    """
    known = settings_of(_kind(sections, families, section))
    if option in known:
        return known[option]
    homes = " or ".join(f"[{name}]" for name, other in sections.items() if option in settings_of(other))
    raise ValueError(f"belongs in {homes}" if homes else unknown("option", option, known))


def _kind(sections: Mapping[str, type], families: Mapping[str, type], section: str) -> type:
    """
    :raises ValueError: there is no such section.
    """
    family, _, name = section.partition(" ")
    kind = sections.get(section) or (families.get(family) if name.strip() else None)
    if kind is None:
        raise ValueError(unknown("section", section, [*sections, *(f"{other} NAME" for other in families)]))
    return kind


def _strangers(
    sections: Mapping[str, type], families: Mapping[str, type], headings: Mapping[str, str], told: Container[str]
) -> list[str]:
    """What is to be said of those *headings* that are no section of ours, and have no option that is *told* of."""
    problems = []
    for section, place in headings.items():
        try:
            _kind(sections, families, section)
        except ValueError as error:
            problems += [] if section in told else [f"{place}: {error}"]
    return problems


def _aliases(sections: Mapping[str, type]) -> dict[tuple[str, str], tuple[str, str]]:
    """Old place of an option -> its place now."""
    aliases = {}
    for name, section in sections.items():
        for option in settings_of(section).values():
            if option.metadata["old"]:
                for before in OLD:
                    aliases[before, option.metadata["old"]] = (name, option.name)
    return aliases


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A message that *name* is not one of *known*, with the nearest that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names)
    near.sort(key=lambda other: sorted(other) != sorted(name))  # letters in another order are the likeliest slip
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown {what}; {hint}allowed: {', '.join(names)}"
