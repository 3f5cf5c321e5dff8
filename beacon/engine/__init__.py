"""Container engines, each through its command line: that interface breaks least (no API versions)."""
