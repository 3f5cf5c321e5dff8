"""Telling owners what has happened: what is told, when, and how it reaches them."""
