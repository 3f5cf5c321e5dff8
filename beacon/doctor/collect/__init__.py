"""Collect facts; nothing on the machine is changed by it."""
