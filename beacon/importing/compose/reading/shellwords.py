"""A line as compose splits it into words: nearly as a shell does, but for what a shell would run."""

from __future__ import annotations

_ENDS = ";&|<>"
"""Operators of a shell: compose takes what stands before the first, and forgets the rest."""


def split_words(text: str) -> tuple[tuple[str, ...], str]:
    """Return the words of *text*, and what compose cuts off. Raises ValueError for quotes that stay open."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    position = 0
    while position < len(text):
        sign = text[position]
        if sign == "\\" and quote != "'":
            position += 1
            word = (word or "") + text[position : position + 1]
        elif quote:
            quote = "" if sign == quote else quote
            word = word if not quote else f"{word or ''}{sign}"
        elif sign in {"'", '"'}:
            quote, word = sign, word or ""
        elif sign in " \t\r\n":
            words += [] if word is None else [word]
            word = None
        elif sign in _ENDS:
            if sign == ">" and word and word[0].isdecimal():  # 2>&1
                position, word = position - 1, None
            break
        else:
            word = (word or "") + sign
        position += 1
    if quote or (text.endswith("\\") and not text.endswith("\\\\")):
        raise ValueError("must have its quotes closed, as for a shell")
    words += [] if word is None else [word]
    return tuple(words), text[position:].strip()
