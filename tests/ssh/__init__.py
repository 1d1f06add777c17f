"""Tests of `swftp.ssh`."""
