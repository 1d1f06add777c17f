"""
Manual pages, and completion for shells: the parser of ``swftp`` told again.

Nothing is written twice: what ``--help`` shows is what these show.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

from swftp import __version__

STATUS = (
    ("0", "done"),
    ("1", "failed"),
    ("2", "wrong usage"),
    ("78", "the configuration cannot be used"),
)
FILES = (
    ("/etc/swftp/swftp.conf", "read where no file is named"),
    ("~/.swftp.cfg", "read after it"),
    ("/var/lib/swftp", "host keys and control sockets; $STATE_DIRECTORY or state_dir name another place"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or ``swftp`` itself."""

    words: tuple[str, ...]
    help: str
    parser: argparse.ArgumentParser

    @property
    def options(self) -> list[argparse.Action]:
        """What begins with a dash."""
        return [action for action in self.parser._actions if action.option_strings]

    @property
    def arguments(self) -> list[argparse.Action]:
        """What does not, but for commands below."""
        kind = argparse._SubParsersAction
        return [one for one in self.parser._actions if not one.option_strings and not isinstance(one, kind)]

    @property
    def below(self) -> list[Command]:
        """Commands of this command, each once by each of its names."""
        found: list[Command] = []
        for action in self.parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
                own = {id(action.choices[name]): text for name, text in helps.items()}
                for name, parser in action.choices.items():
                    text = helps.get(name, own.get(id(parser), ""))
                    found.append(Command((*self.words, name), text, parser))
        return found


def walk(command: Command) -> Iterator[Command]:
    """*command* and all below it."""
    yield command
    for one in command.below:
        yield from walk(one)


def root(parser: argparse.ArgumentParser) -> Command:
    """The command of *parser*."""
    return Command((parser.prog,), parser.description or "", parser)


def page(command: Command, date: str) -> str:
    """
    The manual page of *command* and of those below it, as man(7) wants it.

    :param date: of the page.
    """
    name = "-".join(command.words)
    lines = [f'.TH "{name.upper()}" 1 "{date}" "SwFTP {__version__}" "User Commands"', ".SH NAME"]
    lines += [f"{_roff(name)} \\- {_roff(command.help)}", ".SH SYNOPSIS", _usage(command), ".SH OPTIONS"]
    lines += _items(command)
    for one in walk(command):
        if one is not command:
            lines += [f'.SH "{_roff(" ".join(one.words[1:]).upper())}"', _roff(one.help), ".PP", _usage(one)]
            lines += _items(one)
    lines.append(".SH EXIT STATUS")
    for code, meaning in STATUS:
        lines += [".TP", f"\\fB{code}\\fR", _roff(meaning)]
    lines.append(".SH FILES")
    for path, meaning in FILES:
        lines += [".TP", f"\\fI{_roff(path)}\\fR", _roff(meaning)]
    return "\n".join(lines) + "\n"


def _usage(command: Command) -> str:
    return _roff(" ".join(command.parser.format_usage().removeprefix("usage: ").split()))


def _items(command: Command) -> Iterator[str]:
    for action in [*command.arguments, *command.options]:
        value = "" if action.nargs == 0 else str(action.metavar or action.dest).upper()
        names = ", ".join(action.option_strings) or value.lower()
        shown = f"\\fB{_roff(names)}\\fR" + (f" \\fI{_roff(value)}\\fR" if value and action.option_strings else "")
        yield from (".TP", shown, _roff(action.help or ""))


def _roff(text: str) -> str:
    """*text* as it is to be read; a line that begins with a dot would be a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped[:1] in (".", "'") else escaped


def words(command: Command) -> list[str]:
    """What may follow *command*."""
    options = [name for action in command.options for name in action.option_strings]
    choices = [str(choice) for action in command.arguments for choice in action.choices or ()]
    return [one.words[-1] for one in command.below] + choices + options


def bash(command: Command) -> str:
    """For bash, and by its bashcompinit for older zsh."""
    steps = "\n".join(f"        {quote(' '.join(one.words))}) at=$next;;" for one in walk(command))
    lists = "\n".join(
        f"        {quote(' '.join(one.words))}) words={quote(' '.join(words(one)))};;" for one in walk(command)
    )
    return f"""# bash completion of swftp
_swftp() {{
    local at=swftp next word words
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        next="$at $word"
        case $next in
{steps}
        esac
    done
    case $at in
{lists}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _swftp swftp
"""


def zsh(command: Command) -> str:
    """For zsh."""
    steps = "\n".join(f"        {quote(' '.join(one.words))}) at=$next;;" for one in walk(command))
    cases = "\n".join(
        f"        {quote(' '.join(one.words))}) choices=({' '.join(_described(one))});;" for one in walk(command)
    )
    return f"""#compdef swftp
_swftp() {{
    local at=swftp next word
    local -a choices
    for word in ${{words[2,CURRENT-1]}}; do
        next="$at $word"
        case $next in
{steps}
        esac
    done
    case $at in
{cases}
    esac
    _describe swftp choices
    _files
}}
compdef _swftp swftp
"""


def _described(command: Command) -> Iterator[str]:
    for word, help in _helped(command):
        yield quote(f"{word}:{help}")


def _helped(command: Command) -> Iterator[tuple[str, str]]:
    """Each word that may follow, and what it is."""
    for one in command.below:
        yield one.words[-1], one.help
    for action in command.arguments:
        yield from ((str(choice), action.help or "") for choice in action.choices or ())
    for action in command.options:
        yield from ((name, action.help or "") for name in action.option_strings)


def fish(command: Command) -> str:
    """For fish."""
    lines = ["# fish completion of swftp"]
    for one in walk(command):
        path = one.words[1:]
        seen = " and ".join(f"__fish_seen_subcommand_from {word}" for word in path)
        inner = " ".join(below.words[-1] for below in one.below)
        missing = f"not __fish_seen_subcommand_from {inner}" if inner else ""
        condition = "; and ".join(filter(None, [seen.replace(" and ", "; and "), missing]))
        for word, help in _helped(one):
            flag = f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" if word[0] == "-" else f"-a {word}"
            lines.append(f"complete -c swftp -n {quote(condition)} {flag} -d {quote(help)}")
    return "\n".join(lines) + "\n"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
