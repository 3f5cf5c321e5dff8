"""A rollout as it is written down, today and before."""
