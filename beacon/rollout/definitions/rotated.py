"""Secrets whose value has changed since a container was made, which has the former one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from beacon.errors import BeaconError
from beacon.model.notice import Notice
from beacon.model.service import Service
from beacon.model.unit import unit_name
from beacon.rollout.tools import Tools

_MICROSECONDS = 1_000_000


def rotated_notices(tools: Tools, services: Collection[Service]) -> Iterator[Notice]:
    """Yield which of *services* go on with a secret's former value."""
    concerned = [one for one in services if one.secrets]
    names = {secret.name for one in concerned for secret in one.secrets}
    try:
        changes = tools.engine.secret_changes(names & set(tools.engine.secrets())) if names else {}
        units = tools.systemd.states([unit_name(one.name) for one in concerned]) if changes else {}
    except BeaconError:
        return  # no more than a hint is lost
    for one in concerned if changes else ():
        unit = units[unit_name(one.name)]
        late = [
            secret.name
            for secret in one.secrets
            if secret.name in changes and changes[secret.name].timestamp() * _MICROSECONDS > unit.started
        ]
        if late and unit.is_up:
            what = f"{one.name} runs with the former value of the secret {', '.join(late)}"
            yield Notice(what, fix=f"beacon restart {one.name}")
