"""A real OpenStack Swift for trying things out and for tests, with or without our server in front."""
