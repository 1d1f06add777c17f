"""FTP and FTPS (RFC 959, 2228, 2389, 2428, 3659, 4217): the other way to a `swftp.session.Session`."""
