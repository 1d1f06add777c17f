"""
Configuration files and command lines -> one frozen value, or every problem with its place.

Later files win over earlier ones, the command line wins over files.  All problems are gathered before anything
is reported, so that one run shows them all.
"""

from __future__ import annotations

import configparser
import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from swftp.config.fields import parse, settings_of

EX_CONFIG = 78
"""Exit status of a configuration that cannot be used (sysexits.h)."""
SYSTEM_FILE = Path("/etc/swftp/swftp.conf")
SEARCH = (SYSTEM_FILE, Path("~/.swftp.cfg"))
"""Read in this order where they exist and no file is named; the later wins."""

SECTION_LINE = re.compile(r"\[([^]]+)\]")
OPTION_LINE = re.compile(r"([^\s#;\[=:][^=:]*?)\s*[=:]")
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
    def place(self) -> str:
        """Where it was written, for a message."""
        if self.file == COMMAND_LINE:
            return f"{COMMAND_LINE}: --{self.option}"
        return f"{self.file}:{self.line}: [{self.section}] {self.option}"


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` has one line for each reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def search(named: str | None, searched: Iterable[Path] = SEARCH) -> list[Given]:
    """
    What the file *named*, or else every existing file of *searched*, says.

    :raises ConfigError: a file cannot be read or is no INI file.
    """
    if named:
        return read_file(Path(named))
    found = [path for path in (path.expanduser() for path in searched) if path.exists()]
    return [given for path in found for given in read_file(path)]


def read_file(path: Path) -> list[Given]:
    """
    The options of the INI file *path*, in its order.

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
    return [
        Given(section, option, value, str(path), lines.get((section, option), 0))
        for section in parser.sections()
        for option, value in parser.items(section)
    ]


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
    """The line of each option; configparser does not tell."""
    lines: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := SECTION_LINE.match(line):
            section = match[1]
        elif match := OPTION_LINE.match(line):
            lines.setdefault((section, match[1].lower()), number)
    return lines


def build(
    make: Callable[..., T],
    sections: Mapping[str, type],
    givens: Sequence[Given],
    *,
    obsolete: Mapping[tuple[str, str], str],
    foreign: Iterable[str] = (),
) -> tuple[T, list[str]]:
    """
    What *make* makes of *sections*, each built of *givens*, and of ``places``; and the warnings *givens* deserve.

    :param obsolete: options that are understood no longer, and what to say of each.
    :param foreign: sections that are somebody else's.
    :raises ConfigError: unknown sections or options, or values that are not allowed.
    """
    aliases = _aliases(sections)
    values: dict[str, dict[str, Any]] = {}
    places: dict[tuple[str, str], str] = {}
    owners: dict[tuple[str, str], Given] = {}
    problems, warnings = [], []
    for given in givens:
        if given.section in foreign:
            continue
        if (given.section, given.option) in obsolete:
            warnings.append(f"{given.place}: {obsolete[given.section, given.option]}")
            continue
        section, option = aliases.get((given.section, given.option), (given.section, given.option))
        before = owners.get((section, option), given)
        if {before.section, given.section} == set(OLD) and before.text != given.text:
            problems.append(f"{given.place}: differs from {before.place}; set it once, in [{section}]")
        owners[section, option] = given
        try:
            values.setdefault(section, {})[option] = parse(_known(sections, section, option), given.text.strip())
            places[section, option] = given.place
        except ValueError as error:
            problems.append(f"{given.place}: {error}")
    if problems:
        raise ConfigError(problems)
    made = {name: section(**values.get(name, {})) for name, section in sections.items()}
    return make(**made, places=places), warnings


def _known(sections: Mapping[str, type], section: str, option: str) -> Field[Any]:
    """
    :raises ValueError: there is no such section, or it has no such option.
    """
    if section not in sections:
        raise ValueError(unknown("section", section, sections))
    known = settings_of(sections[section])
    if option in known:
        return known[option]
    homes = " or ".join(f"[{name}]" for name, other in sections.items() if option in settings_of(other))
    raise ValueError(f"belongs in {homes}" if homes else unknown("option", option, known))


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
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown {what}; {hint}allowed: {', '.join(names)}"
