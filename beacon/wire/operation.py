"""Operations under way, as answers have them."""

from __future__ import annotations

from beacon.state.operations import Operation
from beacon.wire.answer import Answer


class OperationList(Answer, frozen=True, kw_only=True):
    """All operations under way, the oldest first."""

    operations: tuple[Operation, ...]
