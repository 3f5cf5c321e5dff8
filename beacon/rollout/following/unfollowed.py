"""Services that a run finds without a live release: taken over if they are installed, else named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from beacon.errors import DefinitionError
from beacon.model.outcome import Outcome, OutcomeKind, edited_by_hand
from beacon.model.release import ServiceState
from beacon.model.unit import service_files
from beacon.rollout.apply import execute
from beacon.rollout.checking.candidates import DefinedService
from beacon.rollout.definitions.admission import refuse_inadmissible
from beacon.rollout.definitions.machine import Machine
from beacon.rollout.definitions.reading import read_definitions
from beacon.rollout.following.upkeep import orphan
from beacon.rollout.proposing.proposal import ProposalRequest
from beacon.rollout.proposing.proposer import Proposer
from beacon.rollout.proposing.takeover import TakeOver, record, unremembered
from beacon.rollout.tools import Tools
from beacon.units.mark import is_edited


class Unfollowed(Struct, frozen=True):
    """Has services followed again of which nothing is remembered."""

    machine: Machine
    tools: Tools
    take_over: TakeOver
    proposer: Proposer

    def follow(self, states: Mapping[str, ServiceState], texts: Mapping[str, str]) -> list[Outcome]:
        """Remember again what is installed of services, and start what of it does not run.

        *states* say nothing of what is live; *texts* are those of all definitions, by name. Returns how those
        ended that are not merely followed from now on. Raises what keeps this machine from running one.
        """
        lost = unremembered(states.values(), self.tools.files.read)
        definitions, outcomes = self._definitions((name for name in states if name in lost), texts)
        outcomes += [self._unapplied(name) for name in states if name in texts and name not in lost]
        outcomes += [orphan(name) for name in lost if name not in texts]
        taken = self.take_over.find(definitions, states, lost)
        record(self.tools, taken)
        left = {name: one for name, one in definitions.items() if name not in taken.states}
        if left:
            tuple(refuse_inadmissible(self.machine, left))  # an apply says what they will lack
            proposal = self.proposer.propose(ProposalRequest(definitions=left), self.machine.units.read_all())
            outcomes += execute(self.tools, proposal)
        return outcomes

    def _definitions(
        self, names: Iterable[str], texts: Mapping[str, str]
    ) -> tuple[dict[str, DefinedService], list[Outcome]]:
        """Return the definitions of *names*, and what is to be said of those that are faulty."""
        definitions: dict[str, DefinedService] = {}
        outcomes = []
        for name in names:
            try:
                definitions |= read_definitions(self.machine, [name], texts)[0]
            except DefinitionError as error:
                detail = f"nothing is remembered of it, and its definition is faulty: {error.faults[0]}"
                outcomes.append(Outcome(name, OutcomeKind.DEFERRED, detail, f"beacon edit {name}"))
        return definitions, outcomes

    def _unapplied(self, name: str) -> Outcome:
        edited = [file for file in service_files(name) if is_edited(self.tools.files.read(file))]
        if edited:
            detail = f"{edited[0]} was changed by hand, and nothing is remembered of it"
            return edited_by_hand(name, detail, f"beacon apply --overwrite {name}")
        detail, hint = "it was not applied yet", f"beacon apply {name}"
        return Outcome(name, OutcomeKind.HELD, detail, hint, said="not applied")
