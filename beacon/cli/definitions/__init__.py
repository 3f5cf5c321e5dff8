"""The verbs of definitions: one module for each, or for a few that belong together."""
