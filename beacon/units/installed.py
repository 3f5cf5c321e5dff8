"""What an installed unit file says of the release that it runs: the way back from the file; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from beacon.model.reference import Digest, ImageReference, ReferenceFaultError, parse_digest
from beacon.model.unit import RELEASE_LABEL
from beacon.units.mark import read_mark

_PINNED = re.compile(r"^(?:Image=|    )\"?([^\s\"@]+)@(sha256:[0-9a-f]{64})\"?(?:\s|$)", re.MULTILINE)
_FOLLOWED = re.compile(r"\bio\.beacon\.image=([^\s\"]+)")
_NUMBER = re.compile(rf"\b{re.escape(RELEASE_LABEL)}=([0-9]+)")
_PORT = re.compile(r"(?:PublishPort=|--publish=)127\.0\.0\.1:([0-9]+):([0-9]+)(?:/([a-z]+))?(?![-\w])")


class Installed(Struct, frozen=True):
    """The release that a service's main file runs."""

    reference: ImageReference
    """What was followed when it was made."""
    digest: Digest
    number: int
    ports: Mapping[str, int]
    """Ports of the container (``8080/tcp``) that are published at one of the loopback."""


def read_installed(text: str, service: str) -> Installed | None:
    """Return what the main file of *service* runs; None where it is not as Beacon wrote it."""
    mark = read_mark(text)
    pinned, followed, number = (pattern.search(text) for pattern in (_PINNED, _FOLLOWED, _NUMBER))
    if mark is None or not mark.intact or mark.service != service:
        return None
    if pinned is None or followed is None or number is None:
        return None
    try:
        reference = ImageReference.parse(followed[1])
        digest = parse_digest(pinned[2])
    except ReferenceFaultError:
        return None
    ports = {f"{inner}/{protocol or 'tcp'}": int(outer) for outer, inner, protocol in _PORT.findall(text)}
    return Installed(reference, digest, int(number[1]), ports)
