"""The service manager over D-Bus, and the system journal; the only users of pystemd."""
