"""TOML ↔ model: what the owner writes, judged as a whole. example.toml beside this file is the reference.

Importing this package is cheap: pydantic and tomllib are imported by the first call that needs them.
"""

from beacon.definition.decode import decode, decode_all, json_schema
from beacon.definition.effective import Effective, describe, effective
from beacon.definition.encode import encode, new_definition
from beacon.definition.example import example
from beacon.definition.names import validate_name

__all__ = [
    "Effective",
    "decode",
    "decode_all",
    "describe",
    "effective",
    "encode",
    "example",
    "json_schema",
    "new_definition",
    "validate_name",
]
