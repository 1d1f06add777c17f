"""Tests of `swftp.demo`."""
