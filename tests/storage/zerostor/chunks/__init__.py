"""Tests of `swftp.storage.zerostor.chunks`."""
