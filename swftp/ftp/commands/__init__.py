"""The commands, a function each, in modules by what they are about; `swftp.ftp.table` puts them together."""
