"""Bytes in motion: files being written and read.  Knows neither a protocol nor a store."""
