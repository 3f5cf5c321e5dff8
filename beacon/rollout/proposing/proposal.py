"""What is asked for, and what is proposed: a plan, and the releases that it brings about."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from beacon.model.image import Layer
from beacon.model.outcome import Outcome
from beacon.model.plan import Plan
from beacon.model.release import AwaitingApproval, Basis, Release, Trigger
from beacon.model.unit import (
    UnitFile,
)
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.proposing.takeover import TakenOver


class Intent(Struct, frozen=True):
    """What a service is to run: the live release as it is, or a new one."""

    release: Release
    is_new: bool
    files: tuple[UnitFile, ...]
    live: int | None
    """The release that is live now."""
    basis: Basis
    """The state that this was worked out on."""
    beside: dict[str, str]
    """Files of the helper that can run it beside that one."""
    layers: tuple[Layer, ...] = ()
    """Of its image, where the registry was asked for that."""


class Proposal(Struct, frozen=True):
    """A plan, the releases that it brings about, and the services for which nothing can be planned."""

    plan: Plan
    intents: Mapping[str, Intent]
    waiting: Mapping[str, AwaitingApproval]
    """Why the releases of some services wait for their owner's word."""
    outcomes: tuple[Outcome, ...] = ()
    gone: frozenset[str] = frozenset()
    """The services that are removed, and forgotten."""
    overwrite: bool = False
    """Whether files that were edited by hand are written over."""
    changes: Mapping[str, tuple[str, ...]] = {}
    """What new releases of services change of their live ones, in words."""
    taken: TakenOver = TakenOver()
    """What is to be remembered again of services whose states were lost."""

    def without(self, names: Collection[str]) -> Proposal:
        """Return the proposal without the services *names*."""
        return replace(
            self,
            plan=self.plan.without(names),
            intents={name: intent for name, intent in self.intents.items() if name not in names},
            waiting={name: one for name, one in self.waiting.items() if name not in names},
            outcomes=tuple(outcome for outcome in self.outcomes if outcome.service not in names),
            gone=self.gone.difference(names),
        )


class ProposalRequest(Struct, frozen=True, kw_only=True):
    """What is asked for: *definitions* of the services meant, *gone* ones, and how to treat them."""

    definitions: Mapping[str, DefinedService]
    gone: frozenset[str] = frozenset()
    """Services without a definition, to be removed."""
    everything: bool = False
    """Whether files of services that nobody knows any more are removed as well."""
    overwrite: bool = False
    retry: bool = False
    anew: bool = False
    """Whether tags are looked up anew, also of services whose definitions follow the same image as before."""
    stopped: frozenset[str] = frozenset()
    trigger: Trigger = Trigger.APPLY
