"""The verbs of apps."""
