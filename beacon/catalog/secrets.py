"""Values of secrets that nobody types."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable

from beacon.catalog.wordlist import WORDS
from beacon.definition.tables.answers import Generator
from beacon.definition.tables.app import GenerateTable

_LETTERS = string.ascii_letters + string.digits
_FAIR = 256 - 256 % len(_LETTERS)
"""Bytes from here on would make some letters more likely than others."""


def make_secret(how: GenerateTable | None, random: Callable[[int], bytes]) -> str:
    """Return a value made of what *random* gives, so many bytes of it."""
    how = how or GenerateTable()
    if how.kind is Generator.HEX:
        return random(how.length)[: (how.length + 1) // 2].hex()[: how.length]
    if how.kind is Generator.WORDS:
        return "-".join(_word(random(2)) for _ in range(how.words))
    if how.kind is Generator.BASE64:
        return base64.b64encode(random(how.length)).decode()
    letters = ""
    while len(letters) < how.length:
        letters += "".join(_LETTERS[byte % len(_LETTERS)] for byte in random(how.length) if byte < _FAIR)
    return letters[: how.length]


def _word(random: bytes) -> str:
    """Return the word that ten of sixteen bits say; the list has as many as that tells apart."""
    return WORDS[int.from_bytes(random, "big") % len(WORDS)]
