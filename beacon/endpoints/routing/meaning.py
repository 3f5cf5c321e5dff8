"""Which endpoints an owner means by a domain, a URL or a service. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence

from beacon.definition.decode import decode
from beacon.definition.endpoints.claims import declared
from beacon.definition.endpoints.domains import domain_name
from beacon.endpoints.routing.routes import Route
from beacon.errors import BeaconError, NoSuchServiceError

Chosen = Sequence[tuple[Route, str]]
"""Endpoints, each with the name that it is tried by."""


def choose(found: Sequence[Route], words: Iterable[str], texts: Callable[[], Mapping[str, str]]) -> Chosen:
    """Return the endpoints of *found* that *words* mean; all if there are no words.

    *texts* returns the definitions, which say why a word means nothing. Raises NoSuchServiceError.
    """
    chosen: dict[tuple[Route, str], None] = {}
    asked = list(words)
    for word in asked:
        those = meant(found, word)
        if not those:
            raise NoSuchServiceError(f"no endpoint is called {word!r}", hint=_hint(texts(), found, word))
        chosen |= dict.fromkeys(those)
    return list(chosen) if asked else [(route, _tried(route.endpoint.domain)) for route in found]


def meant(found: Sequence[Route], word: str) -> Chosen:
    """Return the endpoints of a service, or of a domain, or else those of the wildcard above it."""
    try:
        domain = domain_name(word.partition("://")[2].partition("/")[0] or word)
    except ValueError:
        return []
    own = [
        (one, _tried(one.endpoint.domain)) for one in found if domain in (one.endpoint.domain, one.service)
    ]
    above = f"*.{domain.partition('.')[2]}"
    return own or [(one, domain) for one in found if one.endpoint.domain == above]


def _tried(domain: str) -> str:
    return f"beacon-check.{domain[2:]}" if domain.startswith("*.") else domain


def _hint(texts: Mapping[str, str], found: Iterable[Route], word: str) -> str:
    for name, text in texts.items():
        try:
            own, _ = declared(decode(text, name=name, file=name))
        except BeaconError:
            continue
        if word == name and not own:
            return f'{name} has no endpoints; domain = "example.org" in its definition makes one'
        if word == name or any(one.endpoint.domain == word for one in own):
            return f"{name} has it in its definition, which was not applied: beacon apply {name}"
    near = difflib.get_close_matches(word, [one.endpoint.domain for one in found], n=1)
    return f"did you mean {near[0]!r}?" if near else "beacon endpoint list shows them"
