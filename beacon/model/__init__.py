"""The nouns of Beacon: frozen, typed, without I/O."""
