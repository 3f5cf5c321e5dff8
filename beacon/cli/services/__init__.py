"""The verbs of what runs: one module for each, or for a few that belong together."""
