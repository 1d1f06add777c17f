"""From a login to the files of its store."""
