"""What an administrator can see of a gateway, and what it tells others."""
