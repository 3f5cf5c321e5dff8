"""Whether an update waits for its owner's word."""

from __future__ import annotations

import contextlib

from beacon.definition.effective import effective
from beacon.errors import DefinitionError
from beacon.model.release import Release, Trigger
from beacon.model.service import Apply


def why_asked(candidate: Release, *, machine_asks: bool) -> str:
    """Return why *candidate* waits for its owner's word, or nothing if it does not.

    What the definition says counts before what the image asks for, and that before beacon.toml
    (*machine_asks*). A release that a definition asks for has that word.
    """
    if candidate.trigger is not Trigger.UPDATE:
        return ""
    service, source = candidate.service, "its definition"
    said = service.update.apply
    if "update.apply" not in service.given and said is Apply.AUTO:
        with contextlib.suppress(DefinitionError):  # labels of the image: said when the release is rendered
            said = effective(service, candidate.image).service.update.apply
        source = "its new image"
        if said is Apply.AUTO and machine_asks:
            said, source = Apply.ASK, "beacon.toml"
    return f'{source} has update.apply = "ask"' if said is Apply.ASK else ""
