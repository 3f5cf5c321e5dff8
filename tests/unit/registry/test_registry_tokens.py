"""How long a token is held to be good."""

from __future__ import annotations

import time

import pytest

from beacon.registry.headers import Challenge
from beacon.registry.tokens import LoginService, LoginSite
from beacon.registry.transport import Deadline, Reply, Request

VALIDITIES = {
    "as told": ("300", 300),
    "a minute at least": ("5", 60),
    "not told": ("null", 60),
    "a day at most": ("1e9", 86400),
    "for ever": ("Infinity", 86400),
    "no number": ("NaN", 60),
    "no number in words": ('"nan"', 60),
}


@pytest.mark.parametrize(("told", "seconds"), VALIDITIES.values(), ids=VALIDITIES)
def test_a_token_is_good_for_a_minute_at_least_and_a_day_at_most(told: str, seconds: float) -> None:
    def send(request: Request, _deadline: Deadline) -> Reply:
        return Reply(200, {}, f'{{"token": "t", "expires_in": {told}}}'.encode(), request.url)

    challenge = Challenge("bearer", {"realm": "https://r.example/token"})
    service = LoginService(LoginSite("r.example", lambda: "https://r.example"), challenge, send)
    token = service.token((), None, Deadline.within(1))
    assert token.expires - time.monotonic() == pytest.approx(seconds - 5, abs=1)
