"""Compose files (compose-spec.io) → services."""
