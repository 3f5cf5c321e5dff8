"""TOML ↔ model: what the owner writes, judged as a whole. example.toml beside this file is the reference.

Importing this package is cheap: pydantic and tomllib are imported by the first call that needs them.
"""
