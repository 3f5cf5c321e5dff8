"""The managed proxy: whether Caddy is there, takes Beacon's file in, and runs."""

from __future__ import annotations

from beacon.definition.endpoints.claims import declared
from beacon.definition.endpoints.handover import is_web
from beacon.doctor.collect.survey import Survey
from beacon.doctor.collect.units import show
from beacon.doctor.judge.facts import ProxyFacts, UnitFacts
from beacon.endpoints.proxy.caddy import MAIN, OWN, UNIT, imports_own, is_installed
from beacon.model.machine import Scope
from beacon.state.files import read_text


def proxy(survey: Survey) -> ProxyFacts:
    """Look at Caddy, which is the machine's: a user's services have nothing of it."""
    if survey.is_user:
        return ProxyFacts(UnitFacts(UNIT))
    services = survey.decoded()[0].values()
    domains = sum(sum(is_web(one.endpoint) for one in declared(service)[0]) for service in services)
    return ProxyFacts(
        show([UNIT], Scope.SYSTEM, survey.machine.environment)[UNIT],
        domains,
        is_installed(),
        OWN.exists(),
        imports_own(read_text(MAIN) or ""),
        survey.machine.store.proxy().refused,
    )
