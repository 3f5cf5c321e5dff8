"""What definitions come to: the releases that would run, and their unit files. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

from beacon.errors import UsageError
from beacon.model.release import Release
from beacon.model.unit import UnitFile
from beacon.rollout.definitions.planning import Owner, refuse_unplanned
from beacon.rollout.definitions.reading import read_definitions
from beacon.rollout.proposing.proposal import ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.rendering import Renderer


def intended(machine: Owner, proposer: Proposer, name: str) -> Release:
    """Return the release that *name* runs, or would run with its definition as it is now."""
    definitions, _ = read_definitions(machine, [name], machine.definitions().texts)
    if name not in definitions:
        machine.require_readable([name])
        raise UsageError(f"{name} has no definition", hint=f"beacon add {name} IMAGE")
    request = ProposalRequest(definitions=definitions, overwrite=True, retry=True)
    states = {name: machine.store.load(name)}
    intents, outcomes = proposer.intents(request, states, machine.units.read_all())
    refuse_unplanned(outcomes)
    return intents[name].release


def rendered(machine: Owner, proposer: Proposer, renderer: Renderer, names: Sequence[str]) -> list[UnitFile]:
    """Return the unit files of *names*, as *proposer* and *renderer* make them.

    Services whose definition is gone are rendered as they were applied.
    """
    definitions, _ = read_definitions(machine, names, machine.definitions().texts)
    request = ProposalRequest(definitions=definitions, retry=True)
    states = {name: machine.store.load(name) for name in definitions}
    intents, outcomes = proposer.intents(request, states, {})
    refuse_unplanned(outcomes)
    files = [file for intent in intents.values() for file in intent.files]
    for name in names:
        if name not in definitions and (live := machine.store.load(name).live_release) is not None:
            files += renderer.files(live)
    return files
