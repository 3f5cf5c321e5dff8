"""Apps: the catalog, and what is installed of it."""
