"""What the machine's owner has set for registries: where to ask, whom to trust, how to log in."""
