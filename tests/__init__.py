"""Tests of SwFTP; folders are those of the package, and `functional`: the whole on real servers with real clients."""

from hypothesis import settings

settings.register_profile("swftp", deadline=None)  # a busy machine is no wrong answer
settings.load_profile("swftp")
