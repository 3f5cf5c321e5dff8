"""Compose files as they are read: variables, paths, one file over another, and which files there are."""
