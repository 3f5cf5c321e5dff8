"""Go back to a release that is still remembered: offline, with the image on disk."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.errors import BusyError, UsageError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger
from beacon.rollout.deploy import deploy
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.prepare import require_own
from beacon.rollout.proposing.waiting import would_not_see
from beacon.rollout.rendering import Renderer
from beacon.rollout.tools import Tools


def roll_back(tools: Tools, renderer: Renderer, name: str, number: int | None) -> Outcome:
    """Bring *name* to release *number* (None: the one before the live one), through the health gate.

    Raises UsageError if there is no such release, MachineError if its image is neither on disk nor to
    be had, BusyError if a rollout is under way: it may end with the release that was to be gone back to,
    EditedError if a file that would change was edited by hand.
    """
    state = tools.store.load(name)
    if state.rollout is not None:
        raise BusyError(
            f"another beacon is rolling out release {state.rollout.release} of {name}",
            hint="wait for its end: a release that does not become healthy is put back by itself",
        )
    target = renderer.allot(_target(state, number))
    files = {file.name: file.text for file in renderer.files(target)}
    live = state.live_release
    gone = {file.name for file in renderer.files(live)} - files.keys() if live is not None else set()
    changes: dict[str, str | None] = {
        file: text for file, text in files.items() if tools.files.read(file) != text
    }
    changes |= {file: None for file in gone if file.startswith(f"beacon-{name}") and tools.files.read(file)}
    require_own(tools, name, changes)
    for file in files:
        tools.files.guard(file)
    beside = renderer.beside(target)
    (outcome,) = deploy(
        tools, [PlannedRollout(target, changes, state.live, beside=beside, basis=state.basis)]
    )
    return _with_what_stays(outcome, live, target)


def _with_what_stays(outcome: Outcome, live: Release | None, target: Release) -> Outcome:
    """Say of which volumes of the release that was left the one before it knows nothing; they stay."""
    if live is None or outcome.kind is not OutcomeKind.UPDATED:
        return outcome
    volumes = dict.fromkeys(one.volume for one in would_not_see(live, target))
    if not volumes:
        return outcome
    left = f"what release {live.number} has in {', '.join(volumes)} stays there"
    return replace(outcome, detail=f"{outcome.detail}; {left}")


def _require_remembered(state: ServiceState, live: Release) -> None:
    """Raise UsageError if what was before the live release is not known: its state was lost."""
    if state.previous is None and any(one.trigger is Trigger.TAKEOVER for one in state.releases):
        raise UsageError(
            f"what {state.name} ran before release {live.number} is not known: its state was lost",
            hint=f"set its image to an earlier tag: beacon edit {state.name} --apply",
        )


def _target(state: ServiceState, number: int | None) -> Release:
    live = state.live_release
    if live is None:
        raise UsageError(
            f"{state.name} has no live release to roll back from", hint=f"beacon apply {state.name}"
        )
    if number is None:
        number = state.previous
        if number is None or number >= live.number:
            _require_remembered(state, live)
            forward = f"beacon rollback {state.name} {number}" if number else f"beacon history {state.name}"
            raise UsageError(f"{state.name} has no release before release {live.number}", hint=forward)
    if number == live.number:
        raise UsageError(f"release {number} of {state.name} is live already")
    target = state.release(number)
    if target is None:
        raise UsageError(f"{state.name} has no release {number}", hint=f"beacon history {state.name}")
    if target.state is ReleaseState.FAILED:
        raise UsageError(
            f"release {number} of {state.name} failed: {target.reason}",
            hint=f"beacon update --retry {state.name}",
        )
    return target
