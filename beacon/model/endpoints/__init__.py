"""What is remembered of the managed proxy and of stores, where stores are, and how networks are."""
