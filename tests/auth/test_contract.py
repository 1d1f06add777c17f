"""The fake identity service does what the real ones do (`tests.functional.test_auth`)."""

from twisted.trial.unittest import SynchronousTestCase

from tests.auth.contract import IdentityContract, KeystoneContract
from tests.auth.fakes import SECRET, V1_URL, V3_URL, FakeIdentity


class FakeV1Tests(IdentityContract, SynchronousTestCase):
    url, login, secret = V1_URL, "test:tester", SECRET

    def setUp(self):
        self.adapter = FakeIdentity()


class FakeV3Tests(KeystoneContract, SynchronousTestCase):
    url, login, secret = V3_URL, "tester/test", SECRET
    credential = ("cred-id", SECRET)

    def setUp(self):
        self.adapter = FakeIdentity()
