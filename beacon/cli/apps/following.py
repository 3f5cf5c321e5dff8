"""beacon app follow: what the timer has done outside of its sandbox."""

from __future__ import annotations

import typer

from beacon.cli.outcomes import show_answer
from beacon.cli.session import session
from beacon.operations.apps.following import FollowRequest, follow_all


def follow(context: typer.Context) -> None:
    """Bring installed apps to their newest manifests, and end what was cut off: for beacon-update.service.

    That sees for itself what became of them.
    """
    here = session(context)
    answer = follow_all(here.machine(), FollowRequest(), here.listener)
    show_answer(here.output, answer, every=False)
