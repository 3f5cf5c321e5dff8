"""How a service is handled on the machine: looked at, started, watched, moved, handed over."""
