"""What would be done to install or change an app, step by step; nothing is changed."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from beacon.model.notice import Notice
from beacon.model.release import Trigger
from beacon.operations.apply import answer_of
from beacon.operations.apps.changing import texts_of
from beacon.operations.apps.fitting import short_of_memory
from beacon.operations.apps.installing import ChangeRequest, InstallRequest, changing, coming
from beacon.operations.apps.reading import App, load
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.definitions.planning import Asked, make_proposal
from beacon.wire.plan import PlanAnswer


def plan_install(machine: Machine, request: InstallRequest, listener: Listener) -> PlanAnswer:
    """Return what an installation would do. Raises as that does."""
    app, _ = coming(machine, request)
    asked = Asked(services=app.services, trigger=Trigger.ADD, retry=True, anew=True)
    answer = _planned(machine, app, asked, listener)
    return replace(answer, warnings=(*short_of_memory(machine, app.manifest), *answer.warnings))


def plan_change(machine: Machine, request: ChangeRequest, listener: Listener) -> PlanAnswer:
    """Return what other answers, or the newest manifest, would do. Raises as that does."""
    before = load(machine, request.name)
    app, _ = changing(machine, before, request, listener)
    left = [name for name in before.services if name not in app.services]
    answer = _planned(machine, app, Asked(services=app.services, retry=True), listener, left)
    gone = (Notice(f"{name} is removed; its data stays") for name in left)
    return replace(answer, warnings=(*answer.warnings, *gone))


def _planned(
    machine: Machine, app: App, asked: Asked, listener: Listener, left: Collection[str] = ()
) -> PlanAnswer:
    there = {name: text for name, text in machine.definition_files().items() if name not in left}
    asked = replace(asked, texts={**there, **texts_of(app)})
    planned = make_proposal(machine, machine.proposer_for(listener), asked)
    return answer_of(machine.tools_for(listener), planned)
