"""Who may log in, and with what right they talk to the store."""
