"""Starting, stopping and restarting one service for its owner, who is told why it did not come to that."""

from __future__ import annotations

from beacon.errors import MachineError
from beacon.model.runtime import JobResult
from beacon.model.unit import unit_name
from beacon.rollout.decisions.decide import judge_job
from beacon.rollout.driving.prepare import regain
from beacon.rollout.handling.move import secure
from beacon.rollout.tools import Tools

_LIMIT = 600.0
"""Seconds for a unit's job to end."""


def run_job(tools: Tools, verb: str, name: str) -> None:
    """Do what *verb* (start, stop or restart) says with a service; the caller holds its lock.

    Raises MachineError if it does not come to that.
    """
    systemd, unit = tools.systemd, unit_name(name)
    secure(tools, [tools.store.load(name)])
    if verb != "stop":
        systemd.reset_failed(unit)
        live = tools.store.load(name).live_release
        if live is not None:
            regain(tools, live)
    jobs = {"start": systemd.start, "stop": systemd.stop, "restart": systemd.restart}
    tools.reporter.waiting(name, f"waiting for systemd to {verb} it", limit=_LIMIT)
    try:
        result = jobs[verb](unit, _LIMIT)
    finally:
        tools.reporter.waiting(name, "")
    if result is JobResult.DONE:
        return
    state = tools.unit(unit)
    if state.load == "not-found":
        raise MachineError(
            f"cannot {verb} {name}: it is not installed", hint=f"beacon apply {name} installs it"
        )
    reason = judge_job(result, state, _LIMIT).reason
    raise MachineError(f"cannot {verb} {name}: {reason}", hint=f"beacon logs {name}")
