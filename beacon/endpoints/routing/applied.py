"""What was applied, as those see it who announce where services are reached. Pure."""

from __future__ import annotations

from beacon.definition.effective import effective
from beacon.definition.endpoints.claims import resolve
from beacon.definition.endpoints.loopback import with_loopback
from beacon.definition.endpoints.memorable import with_domain
from beacon.endpoints.routing.routes import RunningService
from beacon.errors import DefinitionError
from beacon.model.endpoints.sources import AUTO
from beacon.model.release import Release, ReleaseState, ServiceState
from beacon.model.runtime import UnitState
from beacon.model.service import Service
from beacon.model.unit import unit_name

_STOOD = {ReleaseState.LIVE, ReleaseState.SUPERSEDED}


def applied(state: ServiceState, release: Release) -> RunningService:
    """Return *release*, the live one of *state*, as it was applied, before systemd and the engine are asked.

    Raises DefinitionError if its image's endpoints cannot be read.
    """
    service, own = _in_effect(release)
    return RunningService(
        service,
        UnitState(unit_name(state.name)),
        own=own,
        ports=release.ports,
        since={} if own else _since(state, release),
    )


def _in_effect(release: Release) -> tuple[Service, bool]:
    """Return what *release* runs with its ports of the loopback; whether its endpoints are the owner's."""
    filled = effective(release.service, release.image)
    sources = [filled.filled.get(f"endpoint[{index}]") for index in range(len(filled.service.endpoints))]
    service = with_domain(with_loopback(filled.service, release.ports), release.domain)
    return service, not {"image", "label"} & set(sources)


def _since(state: ServiceState, live: Release) -> dict[str, str]:
    """Return since when the service has had each domain of its image: the releases before had it too."""
    since: dict[str, str] = {}
    desired = _domains(live)
    for release in sorted(state.releases, key=lambda one: -one.number):
        if release.number > live.number or release.state not in _STOOD:
            continue
        desired &= _domains(release)
        since |= dict.fromkeys(desired, release.created)
    return since


def _domains(release: Release) -> set[str]:
    try:
        found, _ = resolve(release.service, release.image)
    except DefinitionError:
        return set()
    return {release.domain if one.domain == AUTO else one.domain for one in found}
