"""SFTP and FTP server whose files are objects in OpenStack Swift."""

__version__ = "2.0.0.dev0"
