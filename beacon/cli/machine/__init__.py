"""The verbs of the machine itself."""
