"""Tables of a definition that are nouns of their own."""
