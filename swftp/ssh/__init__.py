"""Conch made fast and strict: what an SSH connection is to the subsystems that speak over its channels."""
