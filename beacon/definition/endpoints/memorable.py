"""Names that nobody has to think of: ``domain = "auto"`` gets two words below the machine's base domain."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from math import gcd

from msgspec.structs import replace

from beacon.model.endpoints.sources import AUTO, LABEL, VARIABLE
from beacon.model.service import Service

_ADJECTIVE_WORDS = """
able agile amber apt arctic azure balmy bold brave breezy brief bright brisk broad bronze calm candid
clean clear clever cosy crisp curly cyan dapper daring dawn deep deft dewy dry eager early earnest east
easy even fair fast fine firm fleet fond frank free fresh frosty full gentle glad gold golden good grand
green happy hardy hazel honest humble indigo ivory jade jolly keen kind large level light lilac lively
loyal lucid lucky lunar mellow merry mild misty modest mossy neat nimble noble north novel olive open
patient plain placid plucky polar polite prime proud pure quick quiet rapid ready regal rosy round royal
ruby rustic sandy sharp shiny silent silver simple sleek smart smooth snowy snug soft solar solid south
spry stable steady still stout strong sturdy subtle sunny super sure swift tall teal tidy tranquil true
upbeat vast vivid warm west wide wise witty young zesty
"""

_NOUN_WORDS = """
acorn alder anchor apple arch aspen aster badger bamboo basil bay beach beacon beaver beech bell berry
birch bird bison bloom boat brook canoe canyon cape cedar cherry cliff cloud clover comet coral cove crane
creek cricket daisy deer delta dingo dolphin dove dune eagle elk elm ember falcon fern ferry field finch
fjord flame forest fox garden geyser glade grove gull harbor hare harp hawk hazelnut heath heron hill
holly ibis iris island ivy jay juniper kelp kite koala lagoon lake larch lark laurel leaf lemon lily
linden lotus lynx maple marsh meadow mesa mint moon moss moth nest oak oasis ocean orchid osprey otter
owl palm panda peach pear pebble pelican pine plum pond poplar poppy puffin quail quartz rabbit rain raven
reef ridge river robin rose sage salmon seal shore sky snow sparrow spring spruce star stone stork stream
swan thistle thrush tide topaz trail trout tulip tundra valley violet walnut wave whale willow wolf wren
"""

_ADJECTIVES, _NOUNS = tuple(_ADJECTIVE_WORDS.split()), tuple(_NOUN_WORDS.split())

COUNT = len(_ADJECTIVES) * len(_NOUNS)
_STRIDE = next(step for step in range(7919, 7919 + COUNT) if gcd(step, COUNT) == 1)
"""From one name to the next, so that neighbours have nothing in common and each comes once."""


def names(seed: str) -> Iterator[str]:
    """Yield names such as ``brave-otter`` without end; the same *seed* yields the same ones, in order.

    So a plan tells the name that an apply will give, and a service that comes back mostly gets its own again.
    """
    first = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    turn = 1
    while True:
        for step in range(COUNT):
            noun, adjective = divmod((first + step * _STRIDE) % COUNT, len(_ADJECTIVES))
            name = f"{_ADJECTIVES[adjective]}-{_NOUNS[noun]}"
            yield name if turn == 1 else f"{name}-{turn}"
        turn += 1


def choose_domain(base: str, seed: str, is_taken: Callable[[str], bool]) -> str:
    """Return a domain below *base* that is not taken."""
    return next(domain for name in names(seed) if not is_taken(domain := f"{name}.{base}"))


def may_ask(service: Service, labels: Mapping[str, str], env: Mapping[str, str]) -> bool:
    """Say whether a service may ask for a name, with its image's *labels* and *env*: most do not."""
    said = (service.domain, service.env.get(VARIABLE), labels.get(LABEL), env.get(VARIABLE))
    return any(text and AUTO in text.lower() for text in said) or asks(service)


def asks(service: Service) -> bool:
    """Say whether a service, in effect, asks for a name."""
    return any(one.domain == AUTO for one in service.endpoints)


def with_domain(service: Service, domain: str) -> Service:
    """Return *service*, in effect, with *domain* wherever it asks for a name."""
    if not domain or not asks(service):
        return service
    endpoints = tuple(replace(one, domain=domain) if one.domain == AUTO else one for one in service.endpoints)
    return replace(service, endpoints=endpoints)


def machine_label(node: str) -> str:
    """Return the machine's name as a label of a domain."""
    label = re.sub(r"[^a-z0-9]+", "-", node.partition(".")[0].lower())[:_LABEL].strip("-")
    return label or "machine"


_LABEL = 63
"""Characters that a label of a domain has at most (RFC 1035)."""
