"""What an owner asks of a service while a rollout of it is under way, and what has that turn back."""

from __future__ import annotations

from enum import StrEnum


class Halt(StrEnum):
    """The verb that waits for the rollout to end."""

    STOP = "stop"
    HOLD = "hold"
    REMOVE = "rm"

    @property
    def reason(self) -> str:
        """Why the rollout turned back."""
        return _REASONS[self]

    @property
    def leaves_down(self) -> bool:
        """Whether the service is to be down behind it: then the way back starts nothing."""
        return self is not Halt.HOLD


_REASONS = {
    Halt.STOP: "its owner stopped it meanwhile",
    Halt.HOLD: "its owner held it meanwhile",
    Halt.REMOVE: "its owner removed it meanwhile",
}
