"""The nouns of Beacon: frozen, typed, without I/O.

They are msgspec Structs, not dataclasses. Their classes are made ten times as fast, for which a command that
runs every few minutes pays each time; and so are values, of which a thousand definitions have many.
"""
