"""Tests of `swftp.sftp`."""
