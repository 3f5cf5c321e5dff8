"""What was done to one service, as answers have it."""

from __future__ import annotations

from beacon.wire.answer import Answer


class Done(Answer, frozen=True, kw_only=True):
    """What was asked for is done."""

    service: str


class Approved(Answer, frozen=True, kw_only=True):
    """A release that waited for its owner's word has it."""

    service: str
    release: str
    """The reference, with its digest."""
    to_do: str
    """What rolls it out now."""


class Rejected(Answer, frozen=True, kw_only=True):
    """An update that waited for its owner's word is passed over."""

    service: str
    release: str
    """The reference, with its digest."""
    to_do: str
    """What asks for a word again."""


class Login(Answer, frozen=True, kw_only=True):
    """A registry to which there is a login now, or none any more."""

    registry: str
