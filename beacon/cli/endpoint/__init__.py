"""beacon endpoint: one module for each of its verbs."""
