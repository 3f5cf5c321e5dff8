"""What others describe or run becomes services: definitions are made of it, or its place is taken."""
