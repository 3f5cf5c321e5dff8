"""What Beacon chooses for a service: its ports of the loopback, its domain, the names of its volumes."""
