"""Judge what the registries said, and whether the timer logs in as the shell does."""

from __future__ import annotations

from collections.abc import Iterator

from beacon.doctor.judge.facts import LoginFacts, LoginsFacts, RegistryFacts
from beacon.doctor.judge.finding import Commands, Finding, error, info, listed, ok, warning
from beacon.model.notice import plural
from beacon.registry.results import Deferred, Failed, FailureKind, Found

_OF_REGISTRY = {FailureKind.UNREACHABLE, FailureKind.TLS, FailureKind.SERVER_ERROR}
"""What is the same for all of a registry's references, and reported once."""


def registries(facts: RegistryFacts | None, commands: Commands) -> list[Finding]:
    """Judge the answers."""
    del commands
    if facts is None:
        return []
    found: dict[tuple[str, str], Finding] = {}
    for reference, result in facts.results.items():
        registry = facts.registries[reference]
        for key, finding in _judged(facts, reference, registry, result):
            found.setdefault((registry, key), finding)
    if found:
        return list(found.values())
    return [
        ok(f"{listed(set(facts.registries.values()))} answered for {plural(len(facts.results), 'image')}")
    ]


def _judged(
    facts: RegistryFacts, reference: str, registry: str, result: Found | Deferred | Failed
) -> Iterator[tuple[str, Finding]]:
    users = facts.services[reference]
    match result:
        case Found(warnings=warnings):
            for words in warnings:
                yield (
                    words,
                    warning(words, "the day the image is private, updates stop", f"beacon login {registry}"),
                )
        case Deferred(reason=reason, when=when):
            yield "deferred", info(reason, f"updates wait; it will answer again {when}")
        case Failed(kind=FailureKind.NOT_FOUND) if reference in facts.ranged:
            pass  # a range is followed: its tag is only where to begin
        case Failed(kind=kind, problem=problem, hint=hint):
            if kind in _OF_REGISTRY:
                users = tuple(
                    name
                    for one, names in facts.services.items()
                    if facts.registries[one] == registry
                    for name in names
                )
            key = kind.value if kind in _OF_REGISTRY else reference
            mend = hint or f"curl -sS https://{registry}/v2/ tells whether it is the network"
            yield key, error(problem, f"no updates for {listed(users)}; what runs goes on", mend)


def logins(facts: LoginsFacts | None, commands: Commands) -> list[Finding]:
    """Judge whether logins last, and are the same for this shell and for the timer."""
    if facts is None:
        return []
    found = list(dict.fromkeys(_logins(facts, commands.systemctl("edit beacon-update.service"))))
    if found:
        return found
    used = {login.registry for login in facts.logins if login.timer is not None}
    return [ok(f"the timer has the shell's login for {listed(used)}" if used else "no registry has a login")]


def _logins(facts: LoginsFacts, edit: str) -> Iterator[Finding]:
    if facts.missing:
        registry = facts.logins[0].registry if facts.logins else "REGISTRY"
        yield error(
            f"auth_file of beacon.toml names {facts.auth_file}, which is not there",
            "no registry is logged in to",
            f"beacon login {registry}",
        )
    for problem in facts.problems:
        yield error(problem, "logins cannot be read", "mend the file, or log in again")
    for problem in facts.confined:
        yield error(
            f"as the timer's unit runs it, {problem}",
            "an update by hand works, and the timer's runs end with 69",
            f"{edit}; under [Service] ReadWritePaths= of the folder that it writes to, or Environment=",
        )
    for login in facts.logins:
        yield from _login(login)


def _login(login: LoginFacts) -> Iterator[Finding]:
    registry = login.registry
    again = f"beacon login {registry}"
    if login.timer is None and login.shell is not None:
        yield warning(
            f"the timer does not see the login for {registry}: it is in {login.shell.source}",
            "an update by hand works, and the timer's runs are refused; it is gone after a reboot, too"
            if login.shell.volatile
            else "an update by hand works, and the timer's runs are refused",
            again,
        )
    if login.timer is not None and login.shell is None:
        yield warning(
            f"this shell does not see the login for {registry}: the timer has it from {login.timer.source}",
            "the timer's runs work, and an update by hand is refused",
            again,
        )
    elif login.timer is not None and login.shell is not None and not login.alike:
        yield warning(
            f"this shell and the timer log in to {registry} differently: "
            f"{login.shell.source}, {login.timer.source}",
            "what works by hand may be refused to the timer, and the other way round",
            again,
        )
    if login.timer is not None and login.timer.volatile:
        yield warning(
            f"the login for {registry} is gone after a reboot: {login.timer.source} is in memory only",
            "from then on updates are refused, and so are pulls of images that are not on disk",
            again,
        )
    for source in login.elsewhere:
        yield warning(
            f"the login for {registry} in {source} is not used",
            "it is another session's or another user's; the machine's services are pulled by root's",
            again,
        )
