"""Notifying owners of what has happened: of what, when, and how it reaches them."""
