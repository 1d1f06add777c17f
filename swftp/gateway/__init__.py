"""The servers of one process: where they listen, who is let in, and how they stop."""
