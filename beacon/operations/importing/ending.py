"""Adoptions that a kill interrupted are ended before it is asked which services there are."""

from __future__ import annotations

from beacon.engine.hooks import MachineHooks
from beacon.model.notice import Notice
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine

_LIMIT = 1800.0


def end_adoptions(machine: Machine, listener: Listener) -> tuple[Notice, ...]:
    """End what a kill interrupted; return what keeps an adoption from being ended."""
    if not machine.store.adoptions():
        return ()
    if not machine.caller.is_confined:
        return machine.adoptions_for(listener).finish()
    # In the sandbox no definition can be removed, and no container be started.
    ending = (machine.caller.program, "import", "--adopt")
    fault = MachineHooks(machine.scope).outside(ending, "End adoptions by Beacon", _LIMIT)
    return (Notice(f"adoptions are not ended: {fault}"),) if fault is not None else ()
