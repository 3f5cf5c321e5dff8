"""Plans and unit files, as answers have them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType, json
from msgspec.structs import fields, replace

from beacon.model.notice import Notice
from beacon.model.outcome import Outcome, exit_status
from beacon.model.plan import LeftAlone, Plan, Step
from beacon.model.rollout.record import Rollout, StepKind, way_back_of
from beacon.model.unit import is_environment, without_values
from beacon.wire.answer import Answer
from beacon.wire.outcome import OutcomeInfo, outcome_infos

SHOWN = 12
"""So much of a plan's digest is shown, and enough to name it."""


class StepReason(Struct, frozen=True, kw_only=True):
    """Why a step is there: *kind* for programs, *sentence* for people."""

    kind: str
    sentence: str


class PlanStep(Struct, frozen=True, kw_only=True):
    """One step; which of the fields below *services* it has depends on its action (beacon.model.plan)."""

    action: str
    services: tuple[str, ...]
    image: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    volumes: tuple[str, ...] | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    old: str | UnsetType | None = UNSET
    reason: StepReason


class LeftFile(Struct, frozen=True, kw_only=True):
    """A file that stays as it is though it differs."""

    file: str
    services: tuple[str, ...]
    reason: str


class RolloutStep(Struct, frozen=True, kw_only=True):
    """One step of a rollout: *kind* for programs, *sentence* for people."""

    kind: str
    sentence: str


class RolloutSteps(Struct, frozen=True, kw_only=True):
    """How a service gets its release."""

    service: str
    steps: tuple[RolloutStep, ...]
    back: tuple[RolloutStep, ...]
    """What is done if the release is not healthy; nothing if there is none to go back to."""


class ServiceChanges(Struct, frozen=True, kw_only=True):
    """What the new release of a service changes, in words."""

    service: str
    changes: tuple[str, ...]


class PlanAnswer(Answer, frozen=True, kw_only=True):
    """What `apply` would do."""

    digest: str
    """Names exactly these steps and rollouts: `apply --plan DIGEST` does no others."""
    steps: tuple[PlanStep, ...]
    rollouts: tuple[RolloutSteps, ...]
    """The steps that change a service, in their order."""
    conflicts: tuple[LeftFile, ...]
    """Files in the way of their services, which therefore get no step at all."""
    kept: tuple[LeftFile, ...]
    """Files of Beacon's that somebody changed."""
    services: tuple[OutcomeInfo, ...]
    """Those for which nothing could be planned, and why."""
    status: int
    """The exit status that says whether all could be planned."""
    changes: tuple[ServiceChanges, ...] = ()


class Rendered(Answer, frozen=True, kw_only=True):
    """Unit files by their names."""

    files: Mapping[str, str]
    judged_by: str
    """Who accepted them; empty if nobody was asked."""


def plan_answer(
    plan: Plan,
    rollouts: tuple[Rollout, ...],
    outcomes: tuple[Outcome, ...],
    hindered: tuple[Outcome, ...],
    warnings: tuple[Notice, ...] = (),
) -> PlanAnswer:
    """Return *plan* as answers have it; *outcomes* are of services that could not be planned."""
    steps, ways = tuple(map(_step, plan.steps)), tuple(map(_ways, rollouts))
    return PlanAnswer(
        digest=hashlib.sha256(json.encode((steps, ways), order="deterministic")).hexdigest(),
        steps=tuple(map(_without_values, steps)),
        rollouts=ways,
        conflicts=tuple(map(_left, plan.conflicts)),
        kept=tuple(map(_left, plan.kept)),
        services=outcome_infos(outcomes),
        status=int(exit_status([*outcomes, *hindered])),
        warnings=warnings,
    )


def _step(step: Step) -> PlanStep:
    values: dict[str, Any] = {field.name: getattr(step, field.name) for field in fields(step)}
    values["reason"] = StepReason(kind=step.reason.kind.value, sentence=str(step.reason))
    if "image" in values:
        values["image"] = str(values["image"])
    return PlanStep(**values)


def _without_values(step: PlanStep) -> PlanStep:
    """Return a step that writes or removes a private environment, without its values."""
    name = step.name
    if name is UNSET or not is_environment(name):
        return step
    text, old = step.text, step.old
    return replace(
        step,
        text=text if text is UNSET else without_values(name, text),
        old=old if old is UNSET or old is None else without_values(name, old),
    )


def _ways(rollout: Rollout) -> RolloutSteps:
    return RolloutSteps(
        service=rollout.facts.service,
        steps=_named(rollout.steps, is_first=rollout.facts.previous is None),
        back=_named(way_back_of(rollout.facts)),
    )


def _named(steps: tuple[StepKind, ...], *, is_first: bool = False) -> tuple[RolloutStep, ...]:
    words = {StepKind.RESTART: "start the service"} if is_first else {}
    return tuple(RolloutStep(kind=step.value, sentence=words.get(step, step.sentence)) for step in steps)


def _left(one: LeftAlone) -> LeftFile:
    return LeftFile(file=one.name, services=one.services, reason=one.sentence)
