"""What the owner may say of a release that waits, as it is to be typed."""

from __future__ import annotations

from beacon.model.reference import short
from beacon.model.release import AwaitingApproval
from beacon.model.unit import container_name


def what_to_do(name: str, waiting: AwaitingApproval) -> str:
    """Return what the owner may say of a release that waits."""
    if waiting.approved:
        return f"beacon {'update' if waiting.is_update else 'apply'} {name} rolls it out now"
    if not waiting.displaced:
        return f"{approval(name, waiting)} lets it start, {rejection(name, waiting)} passes it over"
    start = f"{approval(name, waiting)} lets it start without that data, which stays"
    volumes = dict.fromkeys(one.volume.removeprefix(f"{container_name(name)}-") for one in waiting.displaced)
    mounts = " and ".join(f'"{volume}"' for volume in volumes)
    return f"{start}; or say where the data goes by a [[volume]] of {mounts} in the definition"


def approval(name: str, waiting: AwaitingApproval) -> str:
    """Return the command that approves a release."""
    return f"beacon approve {name}@{short(waiting.digest)}"


def rejection(name: str, waiting: AwaitingApproval) -> str:
    """Return the command that rejects a release."""
    return f"beacon reject {name}@{short(waiting.digest)}"
