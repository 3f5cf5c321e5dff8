"""The steps of a rollout: each does one thing, and says after a kill whether it is done."""
