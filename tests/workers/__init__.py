"""Rules of `swftp.workers`."""
