"""Who is notified of what happens: whether they can be."""

from __future__ import annotations

import os
import shutil

from beacon.doctor.collect.survey import Survey
from beacon.doctor.judge.notifying import NotifyingFacts, TargetFacts


def notifying(survey: Survey) -> NotifyingFacts:
    """Look at how the targets have answered, and for what reaches them."""
    machine = survey.machine
    targets = machine.settings.notify
    if not targets:
        return NotifyingFacts()
    memory = machine.queue.memory()
    found = []
    for target in targets:
        standing = memory.targets.get(target.name)
        failing = standing if standing is not None and standing.failures else None
        found.append(
            TargetFacts(
                target.name,
                by_apprise=not target.command,
                problem=failing.error if failing else "",
                since=failing.since if failing else 0.0,
            )
        )
    path = machine.environment.get("PATH", os.defpath)
    return NotifyingFacts(
        targets=tuple(found),
        has_apprise=shutil.which("apprise", path=path) is not None,
    )
