"""Rules of `swftp.operating.manual`: what shells and man(1) make of the parser."""

from __future__ import annotations

import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from swftp.cli import parser
from swftp.operating import manual


class CompletionTests(SynchronousTestCase):
    """What a shell offers."""

    def offered(self, *words: str) -> set[str]:
        """By a real bash, for the last of *words*."""
        script = f'{manual.bash(manual.root(parser()))}\nCOMP_WORDS=(swftp "$@"); COMP_CWORD=$#; _swftp\n'
        script += 'printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_commands(self) -> None:
        """Commands, by what was typed of them."""
        self.assertEqual(self.offered("re"), {"reap"})
        self.assertTrue({"serve", "sessions", "sweep"} <= self.offered("s"))

    def test_below(self) -> None:
        """Commands of commands, whatever options stand between."""
        self.assertEqual(self.offered("zerostor", "user", "add", "--q"), {"--quota"})
        self.assertEqual(self.offered("drain", "--process", "7", "--no"), {"--no-wait"})

    def test_choices(self) -> None:
        """Words that an argument may be."""
        self.assertEqual(self.offered("completion", "z"), {"zsh"})

    def test_every_shell(self) -> None:
        """Each is told of every command and option."""
        command = manual.root(parser())
        for name, write in manual.SHELLS.items():
            text = write(command)
            for one in manual.walk(command):
                self.assertIn(one.words[-1], text, name)
        self.assertIn("-l dry-run -d 'only count'", manual.fish(command))
        self.assertIn("'reap:remove from an account what uploads left", manual.zsh(command))


class PageTests(SynchronousTestCase):
    """``man swftp``."""

    def test_all_of_it(self) -> None:
        """Every command and every option is in it, with the words that ``--help`` has."""
        command = manual.root(parser())
        text = manual.page(command, "2026-11-27")
        for one in manual.walk(command):
            self.assertIn(manual._roff(one.help), text)
            self.assertTrue(one.help, one.words)
            for action in [*one.options, *one.arguments]:
                self.assertIn(manual._roff(action.help or ""), text)

    def test_no_request_by_chance(self) -> None:
        """Text that begins as a request of roff does is text."""
        self.assertEqual(manual._roff(".so /etc/passwd"), "\\&.so /etc/passwd")
        self.assertEqual(manual._roff("a\\b-c"), "a\\eb\\-c")

    def test_written(self) -> None:
        """One file for each command."""
        folder = Path(self.mktemp())
        options = parser().parse_args(["manual", str(folder)])
        self.assertEqual(options.run(options), 0)
        names = {path.name for path in folder.iterdir()}
        self.assertTrue({"swftp.1", "swftp-reap.1", "swftp-zerostor.1"} <= names)
