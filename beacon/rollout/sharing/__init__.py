"""What rollouts side by side share: pulls and reloads."""
