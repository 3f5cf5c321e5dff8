"""From definitions to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from beacon import __version__
from beacon.definition.endpoints.loopback import PortsExhaustedError
from beacon.errors import BeaconError, DefinitionError, Fault
from beacon.model.image import Layer, Platform, Wish
from beacon.model.outcome import Outcome, OutcomeKind, edited_by_hand
from beacon.model.reference import ImageReference
from beacon.model.release import Release, ServiceState
from beacon.model.rollout.record import VolumeCopy
from beacon.model.runtime import UnitState
from beacon.model.service import Service
from beacon.model.unit import (
    PREFIX,
    UnitFile,
    is_environment,
    is_service_file,
    service_files,
    unit_name,
)
from beacon.reconcile.changes import changes
from beacon.reconcile.plan import Desired, Observed, make_plan
from beacon.rollout.allotting.namesakes import shared_volumes
from beacon.rollout.checking.candidates import followed, make_release, renumbered
from beacon.rollout.checking.check import unchecked
from beacon.rollout.decisions.decide import find_quarantine, passed_over
from beacon.rollout.handling.move import installed_engine, perishable, volume_copies
from beacon.rollout.ports import Registry
from beacon.rollout.proposing.proposal import Intent, Proposal, ProposalRequest
from beacon.rollout.proposing.takeover import TakenOver, TakeOver, unremembered
from beacon.rollout.proposing.waiting import causes_to_wait, mended_release, outcome_of
from beacon.rollout.readings import readable
from beacon.rollout.rendering import Renderer
from beacon.rollout.tools import Tools
from beacon.units.mark import is_edited, read_mark


@dataclass
class _Chosen:
    releases: dict[str, Release] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)
    layers: dict[str, tuple[Layer, ...]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)


class Proposer:
    """Works out what must be done; changes nothing."""

    def __init__(self, tools: Tools, registry: Registry, renderer: Renderer, platform: Platform) -> None:
        self._tools = tools
        self._registry = registry
        self._renderer = renderer
        self._platform = platform

    @property
    def tools(self) -> Tools:
        """What the machine is looked at by."""
        return self._tools

    def propose(self, request: ProposalRequest, installed: Mapping[str, str]) -> Proposal:
        """Return the plan for *request* on a machine that has the files *installed*."""
        states, outcomes = readable(self._tools.store, request.definitions)
        known = {name: request.definitions[name] for name in states}
        take_over = TakeOver(self._tools, self._registry, self._renderer, self._platform)
        taken = take_over.find(known, states, unremembered(states.values(), installed.get))
        states |= taken.states
        known = {name: one for name, one in known.items() if name not in taken.unknown}
        outcomes += [unchecked(name, error) for name, error in taken.unknown.items()]
        intents, unable = self.intents(replace(request, definitions=known), states, installed, taken)
        outcomes += unable
        new = {name: intent.release for name, intent in intents.items() if intent.is_new}
        waiting = causes_to_wait(self._tools, states, new)
        outcomes += [outcome_of(states[name], one) for name, one in waiting.items()]
        intents = {name: intent for name, intent in intents.items() if name not in waiting}
        loaded = self._tools.systemd.listed(f"{PREFIX}*") if installed else {}
        desired = Desired(
            files={name: intent.files for name, intent in intents.items()},
            pulls=self._pulls(intents),
            copies=self._copies(intents, states),
            stopped=request.stopped | _stopped(intents, states, loaded),
            faulty=self._left_alone(request, intents, installed),
        )
        observed = Observed(
            files=installed,
            units=self._units({*intents, *request.gone}, installed, loaded),
            unfinished=frozenset(name for name, state in states.items() if state.rollout is not None),
            lost=taken.gone | taken.restored.keys(),
        )
        plan = make_plan(desired, observed, overwrite=request.overwrite)
        gone = request.gone
        if request.everything:
            gone |= _owners(installed) - set(request.definitions)
        changed = {name: changes(live, new[name]) for name in intents if (live := _live(states, name, new))}
        return Proposal(plan, intents, waiting, tuple(outcomes), gone, request.overwrite, changed, taken)

    def intents(
        self,
        request: ProposalRequest,
        states: Mapping[str, ServiceState],
        installed: Mapping[str, str],
        taken: TakenOver | None = None,
    ) -> tuple[dict[str, Intent], list[Outcome]]:
        """Return what each service is to run, and why that cannot be said of some.

        Raises DefinitionError with everything that cannot be rendered.
        """
        chosen = self._choose(request, states, taken.restored if taken is not None else {})
        intents: dict[str, Intent] = {}
        faults: list[Fault] = []
        for name, release in chosen.releases.items():
            state = states[name]
            edited = None if request.overwrite else _edited(name, installed)
            try:
                if edited is None:
                    intent = self._intent(state, release, name in chosen.new, request, installed)
                    intents[name] = replace(intent, layers=chosen.layers.get(name, ()))
                    made = intent.release
                    others = [one.release for other, one in intents.items() if other != name]
                    faults += perishable(self._tools, state, made.service)
                    faults += shared_volumes(self._tools, state, made, others)
                elif (kept := self._as_it_is(state, edited)) is not None:
                    intents[name] = kept
                else:
                    chosen.outcomes.append(edited_by_hand(name, f"{edited} was changed by hand"))
            except DefinitionError as error:
                faults += error.faults
            except PortsExhaustedError as error:
                chosen.outcomes.append(Outcome(name, OutcomeKind.FAILED, error.message, error.hint))
        if faults:
            raise DefinitionError(faults)
        return intents, chosen.outcomes

    def _choose(
        self, request: ProposalRequest, states: Mapping[str, ServiceState], restored: Mapping[str, Release]
    ) -> _Chosen:
        chosen = _Chosen(dict(restored), set(restored))
        asked: dict[str, Service] = {}
        for name, definition in request.definitions.items():
            if name in restored:
                continue
            state, service = states[name], definition.service
            live = state.live_release
            if request.anew:
                asked[name] = service
            elif live is not None and (live.service, live.service.given) == (service, service.given):
                chosen.releases[name] = live
            elif live is not None and _same_image(live.service, service):
                mended = mended_release(state, live, service, request.trigger)
                if mended is not None:
                    chosen.releases[name] = mended
                    chosen.new.add(name)
                elif self._same_files(live, service):
                    chosen.releases[name] = replace(live, service=service)
                else:
                    chosen.releases[name] = renumbered(live, state, request.trigger, service)
                    chosen.new.add(name)
            else:
                asked[name] = service
        with self._tools.asking(service.image for service in asked.values()):
            self._ask(request, states, asked, chosen)
        return chosen

    def _ask(
        self,
        request: ProposalRequest,
        states: Mapping[str, ServiceState],
        asked: Mapping[str, Service],
        chosen: _Chosen,
    ) -> None:
        wishes: dict[str, Wish] = {}
        for name, reference in followed(self._registry, asked).items():
            if isinstance(reference, BeaconError):
                chosen.outcomes.append(unchecked(name, reference))
            else:
                wishes[name] = Wish(reference, asked[name].platform or self._platform, reference.digest)
        self._resolve(request, states, wishes, chosen)

    def _same_files(self, live: Release, service: Service) -> bool:
        """Say whether a changed definition changes only how Beacon treats the service: [update], [hooks]."""
        try:
            changed = self._renderer.allot(replace(live, service=service))
            return self._renderer.files(changed) == self._renderer.files(live)
        except (DefinitionError, PortsExhaustedError):
            return False  # said when the new release is rendered

    def _resolve(
        self,
        request: ProposalRequest,
        states: Mapping[str, ServiceState],
        wishes: Mapping[str, Wish],
        chosen: _Chosen,
    ) -> None:
        resolutions = self._registry.resolve(wishes.values()) if wishes else {}
        for name, wish in wishes.items():
            resolution = resolutions[wish]
            if isinstance(resolution, BeaconError):
                chosen.outcomes.append(unchecked(name, resolution))
                continue
            service = request.definitions[name].service
            chosen.releases[name] = make_release(states[name], service, wish, resolution, request.trigger)
            chosen.layers[name] = resolution.parts
            chosen.new.add(name)
        for name in sorted(chosen.new):
            release = chosen.releases[name]
            print_, now = self._tools.fingerprint(release.service), self._tools.clock.now()
            entry = find_quarantine(states[name], release.digest, print_, now)
            if entry is not None and not request.retry:
                hint = f"change the definition, or beacon apply --retry {name}"
                chosen.outcomes.append(Outcome(name, OutcomeKind.QUARANTINED, passed_over(entry), hint))
                del chosen.releases[name]

    def _intent(
        self,
        state: ServiceState,
        release: Release,
        is_new: bool,  # noqa: FBT001  # internal
        request: ProposalRequest,
        installed: Mapping[str, str],
    ) -> Intent:
        text = request.definitions[state.name].digest
        release = self._renderer.allot(replace(release, definition=text, reader=__version__))
        files = self._renderer.files(release)
        if not is_new and _is_outdated(files, installed):
            # The same release is rendered differently now: Beacon, Podman or a template has changed.
            release = renumbered(release, state, request.trigger, release.service)
            files, is_new = self._renderer.files(release), True
        beside = self._renderer.beside(release) if is_new and state.live is not None else {}
        return Intent(release, is_new, files, state.live, state.basis, beside)

    def _as_it_is(self, state: ServiceState, edited: str) -> Intent | None:
        """Return the live release, if the file *edited* by hand was made for it.

        What its owner wrote goes on, so that nothing of another release would run.
        """
        live = state.live_release
        files = self._renderer.files(live) if live is not None else ()
        if live is None or edited not in {file.name for file in files}:
            return None
        return Intent(live, is_new=False, files=files, live=state.live, basis=state.basis, beside={})

    def _pulls(self, intents: Mapping[str, Intent]) -> dict[str, ImageReference]:
        new = {name: intent.release for name, intent in intents.items() if intent.is_new}
        if not new:
            return {}
        present = self._tools.engine.images()
        return {name: one.pinned for name, one in new.items() if str(one.pinned) not in present}

    def _copies(
        self, intents: Mapping[str, Intent], states: Mapping[str, ServiceState]
    ) -> dict[str, tuple[VolumeCopy, ...]]:
        """Return the volumes that services get as copies."""
        found = {}
        for name, intent in intents.items():
            live = states[name].live_release
            if intent.is_new and live is not None:
                runs, engine = installed_engine(self._tools, name), self._tools.engine_kind()
                former = runs if runs not in {None, engine} else None
                found[name] = volume_copies(live, intent.release, former or "")
        return found

    def _left_alone(
        self, request: ProposalRequest, intents: Mapping[str, Intent], installed: Mapping[str, str]
    ) -> frozenset[str]:
        """Return the services whose files are not to be removed although nothing is desired for them."""
        named = set(request.definitions) - set(intents)
        if request.everything:
            return frozenset(named)
        return frozenset(named | (_owners(installed) - set(intents) - request.gone))

    def _units(
        self, names: Iterable[str], installed: Mapping[str, str], loaded: Mapping[str, UnitState]
    ) -> dict[str, UnitState]:
        """Return the states of the units that are *loaded*, and of those of *names* that are not."""
        there = [name for name in names if any(file in installed for file in service_files(name))]
        unloaded = [unit_name(name) for name in there if unit_name(name) not in loaded]
        return {**loaded, **(self._tools.systemd.states(unloaded) if unloaded else {})}


def _live(states: Mapping[str, ServiceState], name: str, new: Mapping[str, Release]) -> Release | None:
    """Return the live release of a service that gets a new one."""
    return states[name].live_release if name in new else None


def _stopped(
    names: Iterable[str], states: Mapping[str, ServiceState], loaded: Mapping[str, UnitState]
) -> frozenset[str]:
    """Return the services that their owner stopped: a changed definition does not start them."""
    known = (name for name in names if states[name].live is not None)
    return frozenset(
        name for name in known if (unit := loaded.get(unit_name(name))) is not None and unit.is_stopped
    )


def _edited(name: str, installed: Mapping[str, str]) -> str | None:
    """Return the file of a service's container, or of its environment, if it was changed by hand."""
    for file in (*service_files(name), *filter(is_environment, installed)):
        mark = read_mark(installed.get(file, ""))
        if mark is not None and mark.service == name and not mark.intact:
            return file
    return None


def _owners(installed: Mapping[str, str]) -> set[str]:
    """Return the services that have files of their own."""
    marks = (read_mark(text) for text in installed.values())
    return {mark.service for mark in marks if mark is not None and mark.service is not None}


def _same_image(live: Service, service: Service) -> bool:
    """Say whether a changed definition still runs the image that is live."""
    return (live.image, live.platform, live.update.follow) == (
        service.image,
        service.platform,
        service.update.follow,
    )


def _is_outdated(files: Iterable[UnitFile], installed: Mapping[str, str]) -> bool:
    """Say whether a container's file is as Beacon wrote it, but not as it would write it now.

    An upgrade of Podman to 4.4 makes a Quadlet file of a plain unit.
    """
    return any(
        name in installed
        and (name, installed[name]) != (file.name, file.text)
        and not is_edited(installed[name])
        for file in files
        if is_service_file(file.name)
        for name in service_files(file.name.rpartition(".")[0].removeprefix(PREFIX))
    )
