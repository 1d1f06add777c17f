"""Where files are kept: drivers, each an `swftp.interfaces.IStorage`."""
