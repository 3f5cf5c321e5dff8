"""Stand-ins for the machine, shared by the suites."""
