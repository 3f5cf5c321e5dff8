"""Beacon: push an image, and every machine you own runs it."""

__version__ = "0.1.0"
