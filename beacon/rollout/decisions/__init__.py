"""The decisions of a rollout. Pure."""
