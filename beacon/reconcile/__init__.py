"""From what is desired and what is installed to a plan; pure."""
