"""Rules of `swftp.outcomes`."""

from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.errors import StorageError
from swftp.outcomes import OUTCOMES, Status, outcome


def descendants(kind: type) -> set[type]:
    """All subclasses of *kind*, however deep."""
    found = set(kind.__subclasses__())
    return found.union(*(descendants(below) for below in found))


class OutcomesTests(SynchronousTestCase):
    """One row an error."""

    def test_total(self) -> None:
        """Every error has its own row, and every row is an error's."""
        ours = {kind for kind in descendants(StorageError) if kind.__module__ == errors.__name__}
        self.assertEqual(set(OUTCOMES), ours)

    def test_only_version_three(self) -> None:
        """No SFTP code above 8: version 3 has none (draft-ietf-secsh-filexfer-02 section 7)."""
        self.assertLessEqual({row.sftp for row in OUTCOMES.values()}, set(Status))
        self.assertEqual(max(Status), 8)

    def test_no_error_is_good_news(self) -> None:
        """No error is OK or EOF to an SFTP client, or anything but a 4xx or 5xx to an FTP client."""
        for kind, row in OUTCOMES.items():
            self.assertNotIn(row.sftp, (Status.OK, Status.EOF), kind)
            self.assertTrue(400 <= row.ftp <= 599, kind)

    def test_transient_errors_may_be_tried_again(self) -> None:
        """FTP clients try again after 4xx and give up after 5xx (RFC 959 section 4.2.1)."""
        for kind in (errors.Unavailable, errors.Busy, errors.Interrupted, errors.Changed):
            self.assertLess(OUTCOMES[kind].ftp, 500, kind)
        for kind in (errors.NotFound, errors.PermissionDenied, errors.InvalidName, errors.Unsupported):
            self.assertGreaterEqual(OUTCOMES[kind].ftp, 500, kind)

    def test_trouble_is_no_empty_directory(self) -> None:
        """450 is never said: curl takes it for an empty list, with success, and rclone for "not there"."""
        self.assertNotIn(450, {row.ftp for row in OUTCOMES.values()})

    def test_nearest_row(self) -> None:
        """A driver's own subclass of an error is told as that error is."""

        class ContainerGone(errors.NotFound):
            pass

        self.assertEqual(outcome(ContainerGone()), OUTCOMES[errors.NotFound])

    def test_own_row_wins(self) -> None:
        """A row of its own goes before the row of what it is derived from."""
        self.assertEqual(outcome(errors.Unauthorized()).ftp, 530)
        self.assertEqual(outcome(errors.Malformed()).sftp, Status.BAD_MESSAGE)

    def test_bugs_are_failures(self) -> None:
        """What is no storage error is a failure to the client, whatever it is."""
        for error in (KeyError("x"), ZeroDivisionError(), StorageError()):
            self.assertEqual(outcome(error).sftp, Status.FAILURE)


class MessageTests(SynchronousTestCase):
    """What clients read."""

    def test_default_message(self) -> None:
        """An error raised without words has those of its kind."""
        self.assertEqual(str(errors.NotFound()), "no such file or directory")

    def test_own_words(self) -> None:
        """Words that were given are the message."""
        self.assertEqual(str(errors.NotFound("no container")), "no container")

    def test_every_kind_has_words(self) -> None:
        """No kind of error leaves the client with the base's empty phrase."""
        messages = [str(kind()) for kind in OUTCOMES]
        self.assertEqual(len(set(messages)), len(messages))
        self.assertNotIn("failure", messages)
