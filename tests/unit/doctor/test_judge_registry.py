"""What is made of answers of registries, and of logins."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.doctor.judge import registry
from beacon.doctor.judge.facts import LoginFacts, LoginsFacts, RegistryFacts, RegistryLogin
from beacon.doctor.judge.finding import Commands, Finding, Severity
from beacon.model.machine import Scope
from beacon.model.reference import Digest
from beacon.registry.results import CheckResult, Deferred, Failed, FailureKind, Found

SYSTEM = Commands(Scope.SYSTEM)
HOST = "registry.example"
FOUND = Found(Digest("sha256:" + "0" * 64))
DOWN = Failed("it cannot be reached", kind=FailureKind.UNREACHABLE)
AGAIN = f"beacon login {HOST}"


def asked(*results: CheckResult, ranged: bool = False) -> list[Finding]:
    """Judge the answers for the services a, b, ... with an image each."""
    images = {f"{HOST}/me/{name}:latest": result for name, result in zip("abc", results, strict=False)}
    services = {reference: (reference.rpartition("/")[2][0],) for reference in images}
    names = frozenset(images) if ranged else frozenset[str]()
    return registry.registries(RegistryFacts(images, services, dict.fromkeys(images, HOST), names), SYSTEM)


def test_answers() -> None:
    assert registry.registries(None, SYSTEM) == []
    (fine,) = asked(FOUND, FOUND)
    assert (fine.severity, fine.what) == (Severity.OK, f"{HOST} answered for 2 images")
    (later,) = asked(FOUND, Deferred("too many requests", 3000.0))
    assert later.severity is Severity.INFO
    assert later.why == "updates wait; it will answer again in about 50 min"
    (refused,) = asked(replace(FOUND, warnings=("the login was refused",)))
    assert (refused.severity, refused.mend) == (Severity.WARNING, f"beacon login {HOST}")


def test_a_registry_that_is_down_is_told_once_with_all_who_follow_it() -> None:
    (finding,) = asked(DOWN, DOWN, FOUND)
    assert finding.severity is Severity.ERROR
    assert "a, b, c" in finding.why
    assert f"https://{HOST}/v2/" in finding.mend


def test_what_a_registry_does_not_have_is_told_one_by_one_with_its_hint() -> None:
    missing = [Failed(f"no {name}", "look again", kind=FailureKind.NOT_FOUND) for name in "ab"]
    found = asked(*missing)
    assert [(finding.what, finding.mend) for finding in found] == [
        ("no a", "look again"),
        ("no b", "look again"),
    ]
    (ranged,) = asked(missing[0], ranged=True)
    assert ranged.severity is Severity.OK


MEMORY, DISK = (
    RegistryLogin("/run/containers/0/auth.json", volatile=True),
    RegistryLogin("/root/.config/containers/auth.json"),
)
SESSION = RegistryLogin("/run/user/0/containers/auth.json", volatile=True)


@pytest.mark.parametrize(
    ("login", "says"),
    [
        pytest.param(LoginFacts(HOST, shell=DISK, timer=DISK), "", id="both find the one that stays"),
        pytest.param(LoginFacts(HOST), "", id="none is needed"),
        pytest.param(
            LoginFacts(HOST, shell=SESSION, alike=False), "the timer does not see", id="the session's"
        ),
        pytest.param(LoginFacts(HOST, shell=MEMORY, timer=MEMORY), "gone after a reboot", id="in memory"),
        pytest.param(
            LoginFacts(HOST, shell=SESSION, timer=DISK, alike=False), "differently", id="two different ones"
        ),
        pytest.param(
            LoginFacts(HOST, timer=DISK, alike=False), "this shell does not see", id="the timer's alone"
        ),
        pytest.param(LoginFacts(HOST, elsewhere=("/run/user/0/auth.json",)), "is not used", id="elsewhere"),
    ],
)
def test_logins(login: LoginFacts, says: str) -> None:
    (finding,) = registry.logins(LoginsFacts((login, login)), SYSTEM)
    assert says in finding.what
    assert (finding.severity, finding.mend) == ((Severity.WARNING, AGAIN) if says else (Severity.OK, ""))


def test_files_of_logins_that_are_missing_or_faulty() -> None:
    facts = LoginsFacts(
        (LoginFacts(HOST),), auth_file="/etc/beacon/auth.json", missing=True, problems=("bad",)
    )
    missing, faulty = registry.logins(facts, SYSTEM)
    assert missing.mend == f"beacon login {HOST}"
    assert (missing.severity, faulty.severity, faulty.what) == (Severity.ERROR, Severity.ERROR, "bad")
    assert registry.logins(None, SYSTEM) == []
