"""Sessions a user, and their avatars."""

from dataclasses import replace

from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface
from zope.interface.verify import verifyObject

from swftp.auth.access import CredentialAccess
from swftp.auth.login import Login, SessionCounter
from swftp.auth.logins import Identity
from swftp.auth.realm import LoginRealm
from swftp.auth.tokens import Credential
from swftp.errors import Busy
from tests.auth.fakes import Asked, Journal, clock

CREDENTIAL = Credential(Identity("v1password", (("username", "u"),)), "secret")


class IAvatar(Interface):
    """What this test's protocol wants."""


class Avatar:
    def __init__(self):
        self.ended = 0
        self.done = None

    def logout(self):
        self.ended += 1
        return self.done


class SessionCounterTests(SynchronousTestCase):
    def test_limit(self):
        """A user has so many sessions and no more; others have theirs."""
        counter = SessionCounter(2)
        counter.enter("ann")
        place = counter.enter("ann")
        self.assertRaises(Busy, counter.enter, "ann")
        counter.enter("bob")
        place.leave()
        counter.enter("ann")

    def test_no_limit(self):
        """0 is no limit."""
        counter = SessionCounter(0)
        for _ in range(100):
            counter.enter("ann")

    def test_left_once(self):
        """A place that is given back twice is one place."""
        counter = SessionCounter(1)
        place = counter.enter("ann")
        place.leave()
        counter.enter("ann")
        place.leave()
        self.assertRaises(Busy, counter.enter, "ann")

    def test_nothing_left(self):
        """A user without sessions takes no memory."""
        counter = SessionCounter(10)
        for n in range(100):
            counter.enter(f"user {n}").leave()
        self.assertEqual(len(counter), 0)
        self.assertEqual(dict(counter._sessions), {})


class RealmTests(SynchronousTestCase):
    def setUp(self):
        self.counter = SessionCounter(1)
        self.avatar = Avatar()
        self.realm = LoginRealm(IAvatar, lambda login, mind: self.avatar, self.counter)

    def login(self):
        access = CredentialAccess(Asked(), clock())
        access.hold(CREDENTIAL)
        return Login(name="u", user="u", access=access)

    def test_interface(self):
        """It is a realm."""
        verifyObject(IRealm, self.realm)

    def test_avatar(self):
        """The protocol's avatar for the interface it asked for."""
        interface, avatar, _logout = self.realm.requestAvatar(self.login(), None, Interface, IAvatar)
        self.assertEqual((interface, avatar), (IAvatar, self.avatar))

    def test_line(self):
        """Whoever is let in leaves one line that says who, from where, how and as which session."""
        journal = Journal(self)
        login = replace(self.login(), peer="192.0.2.1", protocol="sftp", session="sftp-1", method="publickey")
        self.realm.requestAvatar(login, None, IAvatar)
        (line,) = journal.lines("login")
        self.assertEqual((line["user"], line["peer"], line["method"]), ("u", "192.0.2.1", "publickey"))
        self.assertEqual((line["protocol"], line["session"]), ("sftp", "sftp-1"))

    def test_too_many(self):
        """A session too many is refused, and holds neither place nor secret."""
        self.realm.requestAvatar(self.login(), None, IAvatar)
        late = self.login()
        journal = Journal(self)
        self.assertRaises(Busy, self.realm.requestAvatar, late, None, IAvatar)
        self.assertFalse(late.access.held)
        (line,) = journal.lines("login_failed")
        self.assertEqual((line["user"], line["result"]), ("u", "busy"))

    def test_failing_session(self):
        """So is one that cannot be opened, or for which there is no avatar."""
        realm = LoginRealm(IAvatar, lambda login, mind: 1 / 0, self.counter)
        login = self.login()
        self.assertRaises(ZeroDivisionError, realm.requestAvatar, login, None, IAvatar)
        other = self.login()
        self.assertRaises(NotImplementedError, realm.requestAvatar, other, None, Interface)
        self.assertEqual((len(self.counter), login.access.held, other.access.held), (0, False, False))

    def test_logout_frees_the_place_first(self):
        """Whoever logs out and in again at once is let in, however long the old session takes to end."""
        self.avatar.done = Deferred()
        login = self.login()
        *_, logout = self.realm.requestAvatar(login, None, IAvatar)
        logout()
        self.realm.requestAvatar(self.login(), None, IAvatar)
        self.assertTrue(login.access.held)
        self.avatar.done.callback(None)
        self.assertFalse(login.access.held)

    def test_logout_once(self):
        """A second logout does nothing."""
        *_, logout = self.realm.requestAvatar(self.login(), None, IAvatar)
        logout()
        self.realm.requestAvatar(self.login(), None, IAvatar)
        logout()
        self.assertEqual((self.avatar.ended, len(self.counter)), (1, 1))

    def test_failing_logout(self):
        """A session that ends badly is logged and gone."""
        login = self.login()
        *_, logout = self.realm.requestAvatar(login, None, IAvatar)
        self.avatar.logout = lambda: 1 / 0
        logout()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertFalse(login.access.held)
