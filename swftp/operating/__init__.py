"""What an administrator does beside starting and stopping: look, ask, try, and be told how."""
