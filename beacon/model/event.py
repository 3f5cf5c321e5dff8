"""Decisions that the system journal hears of, with the ids that its catalog explains (sd-journal)."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from beacon.model.reference import Digest


class Priority(Enum):
    """Priorities of syslog(3)."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class EventKind(Enum):
    """What can happen to a service: name, MESSAGE_ID (packaging/beacon.catalog) and priority."""

    ROLLOUT_STARTED = ("rollout-started", "0f2a7d0f6a8e4d6c9c5b1f0e7a3d2b41", Priority.INFO)
    RELEASE_LIVE = ("release-live", "1b9e4c3d7f5a4b0e8d2c6a1f3e5b7d92", Priority.NOTICE)
    ROLLED_BACK = ("rolled-back", "2c8f5d4e6a1b4c7f9e3d7b2a4f6c8ea3", Priority.ERROR)
    ROLLBACK_FAILED = ("rollback-failed", "3d7a6e5f5b2c4d8a8f4e8c3b5a7d9fb4", Priority.ERROR)
    RELEASE_FAILED = ("release-failed", "4e6b7f6a4c3d4e9b9a5f9d4c6b8eaac5", Priority.ERROR)
    FAILED = ("failed", "2c1b7de4a05f4c6f9f0d3c8be2a6d517", Priority.ERROR)
    HOOK_FAILED = ("hook-failed", "b7d04f1c93e84a5db1f6a92e5c7083d4", Priority.WARNING)
    QUARANTINED = ("quarantined", "5f5c8a7b3d4e4fac8b6aae5d7c9fbbd6", Priority.WARNING)
    DEFERRED = ("deferred", "6a4d9b8c2e5f4abd9c7bbf6e8daacce7", Priority.NOTICE)
    WAITING = ("waiting", "6f1e647a122948819a689ffdf0a64551", Priority.WARNING)
    COULD_NOT_CHECK = ("could-not-check", "7b3eac9d1f6a4bce8d8cca7f9ebbddf8", Priority.WARNING)
    UNANSWERED = ("unanswered", "58f5b0b1f1d24f2b9a7a30a1c2ab6a0d", Priority.WARNING)
    DISK_LOW = ("disk-low", "c3a6d1f28f1b4a7f8b7ad0f0b1a65c11", Priority.WARNING)
    RESUMED = ("resumed", "8c2fbdae0a7b4cdf9e9ddb8aafcceea9", Priority.NOTICE)
    STARTED_AGAIN = ("started-again", "ae2cefdb1c9d4ed0bfb9fecccbeeccf1", Priority.NOTICE)
    TAKEN_OVER = ("taken-over", "922d22b2f7384baf82ab26753745234e", Priority.WARNING)
    HELD = ("held", "c4f0b7a9e5d84f3c9a1e6b2d8f7035ce", Priority.NOTICE)
    UNHELD = ("unheld", "d5a1c8baf6e9504dab2f7c3e9a8146df", Priority.NOTICE)
    REMOVED = ("removed", "9d1acebf9b8c4dea8faeec9bbaddffba", Priority.NOTICE)

    def __init__(self, word: str, message_id: str, priority: Priority) -> None:
        self.word = word
        self.message_id = message_id
        self.priority = priority


class Event(Struct, frozen=True):
    """One decision on one service, in one sentence; *service* is empty if it is about the machine."""

    kind: EventKind
    service: str
    message: str
    release: int | None = None
    digest: Digest | None = None
    previous_digest: Digest | None = None
