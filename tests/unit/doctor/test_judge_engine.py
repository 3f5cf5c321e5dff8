"""What is made of facts about the engine."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.doctor.judge import engine
from beacon.doctor.judge.facts import (
    AutoUpdateFacts,
    DockerFacts,
    EngineFacts,
    InitFacts,
    QuadletFacts,
    SettingsFacts,
    UnitFacts,
)
from beacon.doctor.judge.finding import Commands, Severity
from beacon.model.machine import Engine, EngineVersion, Scope

SYSTEM, USER = Commands(Scope.SYSTEM), Commands(Scope.USER)
PODMAN, DOCKER = EngineVersion(5, 4, 2), EngineVersion(26, 1, 5)
TOML = "/etc/beacon/beacon.toml"
FACTS = EngineFacts(TOML, chosen=Engine.PODMAN, versions={Engine.PODMAN: PODMAN})
DAEMON = UnitFacts("docker.service", "loaded", "active", "enabled")
OFF = UnitFacts("podman-auto-update.timer", "loaded", "inactive", "disabled")


def test_settings() -> None:
    (fine,) = engine.settings(SettingsFacts(TOML), SYSTEM)
    assert fine.severity is Severity.OK
    found = engine.settings(SettingsFacts(TOML, there=True, problem="one\ntwo"), SYSTEM)
    assert [finding.what for finding in found] == ["one", "two"]
    assert all(TOML in finding.mend for finding in found)


@pytest.mark.parametrize(
    ("facts", "severity", "says"),
    [
        pytest.param(FACTS, "ok", "podman 5.4.2", id="Podman"),
        pytest.param(
            replace(FACTS, versions={Engine.PODMAN: PODMAN, Engine.DOCKER: DOCKER}),
            "ok",
            "docker 26.1.5 is installed too",
            id="both",
        ),
        pytest.param(EngineFacts(TOML), "error", "neither podman nor docker", id="none"),
        pytest.param(
            replace(FACTS, configured=Engine.DOCKER, chosen=Engine.DOCKER),
            "error",
            "chooses docker",
            id="not there",
        ),
        pytest.param(
            replace(FACTS, runs={"web": Engine.DOCKER, "api": Engine.PODMAN}),
            "error",
            "web: still on docker, and podman is chosen",
            id="the other runs",
        ),
        pytest.param(
            EngineFacts(TOML, chosen=Engine.PODMAN, broken={Engine.PODMAN: "no library"}),
            "error",
            "no library",
            id="broken",
        ),
        pytest.param(
            EngineFacts(TOML, chosen=Engine.DOCKER, versions={Engine.DOCKER: EngineVersion(19, 3)}),
            "warning",
            "older than 20.10",
            id="an old docker",
        ),
    ],
)
def test_engines(facts: EngineFacts, severity: str, says: str) -> None:
    (finding,) = engine.engine(facts, SYSTEM)
    assert finding.severity.word == severity
    assert says in finding.what
    assert bool(finding.mend) == (severity != "ok")


def test_services_of_docker_can_be_moved_while_docker_is_there() -> None:
    both = {Engine.PODMAN: PODMAN, Engine.DOCKER: DOCKER}
    facts = replace(FACTS, versions=both, runs={"web": Engine.DOCKER})
    (move,) = engine.engine(facts, SYSTEM)
    assert (move.severity, move.mend) == (Severity.WARNING, "beacon apply web")
    (stay,) = engine.engine(facts, USER)
    assert (stay.severity, stay.mend) == (Severity.ERROR, f'set engine = "docker" in {TOML}')
    facts = replace(FACTS, let_through="iptables -P FORWARD ACCEPT")
    (nobody,) = engine.engine(facts, SYSTEM)
    assert (nobody.severity, nobody.mend) == (Severity.INFO, "iptables -P FORWARD ACCEPT")
    (somebody,) = engine.engine(replace(facts, runs={"web": Engine.PODMAN}), SYSTEM)
    assert somebody.severity is Severity.WARNING
    assert "each other" not in somebody.why
    (apart,) = engine.engine(replace(facts, filters_bridges=True), SYSTEM)
    assert apart.why.startswith("services of one network cannot reach each other, and ports")


def test_an_engine_that_is_not_used_may_be_broken() -> None:
    (finding,) = engine.engine(replace(FACTS, broken={Engine.DOCKER: "no library"}), SYSTEM)
    assert finding.severity is Severity.INFO


def test_quadlet_names_the_keys_that_need_a_newer_podman() -> None:
    assert engine.quadlet(None, SYSTEM) == []
    (finding,) = engine.quadlet(QuadletFacts(PODMAN), SYSTEM)
    assert finding.severity is Severity.OK
    assert "Memory (5.5)" in finding.what
    assert "StopTimeout" not in finding.what
    (newest,) = engine.quadlet(QuadletFacts(EngineVersion(6, 1)), SYSTEM)
    assert newest.what == "Podman 6.1.0 knows every key"


def test_what_the_generator_refuses_is_an_error() -> None:
    problem = "beacon-web.container: Podman 5.4.2 does not know the key ReloadCmd"
    (finding,) = engine.quadlet(QuadletFacts(PODMAN, problems=(problem,)), SYSTEM)
    assert (finding.severity, finding.what) == (Severity.ERROR, problem)
    assert "beacon edit web" in finding.mend
    assert "beacon-web.container.d" in finding.mend
    (none,) = engine.quadlet(QuadletFacts(PODMAN, has_generator=False), SYSTEM)
    assert none.severity is Severity.ERROR
    (old,) = engine.quadlet(QuadletFacts(EngineVersion(4, 3, 1)), SYSTEM)
    assert old.severity is Severity.OK


def test_docker_s_daemon() -> None:
    assert engine.docker(None, SYSTEM) == []
    (fine,) = engine.docker(DockerFacts(DAEMON, DOCKER), SYSTEM)
    assert fine.severity is Severity.OK
    (down,) = engine.docker(DockerFacts(DAEMON, problem="no socket", went_down=("web",)), SYSTEM)
    assert (down.severity, down.mend) == (Severity.ERROR, "systemctl start docker beacon-web")
    assert "web" in down.why
    (after,) = engine.docker(DockerFacts(DAEMON, DOCKER, went_down=("api", "web")), SYSTEM)
    assert (after.severity, after.mend) == (Severity.ERROR, "systemctl start beacon-api beacon-web")
    (disabled,) = engine.docker(DockerFacts(replace(DAEMON, enabled="disabled"), DOCKER), SYSTEM)
    assert (disabled.severity, disabled.mend) == (Severity.INFO, "systemctl enable docker")


def test_an_init_that_is_missing() -> None:
    facts = InitFacts(Engine.PODMAN, "catatonit", "/usr/bin/catatonit", ("web",))
    assert engine.init(facts, SYSTEM)[0].severity is Severity.OK
    (used,) = engine.init(replace(facts, found=""), USER)
    assert (used.severity, used.mend) == (Severity.ERROR, "sudo apt install catatonit")
    assert "web" in used.what
    (unused,) = engine.init(InitFacts(Engine.DOCKER, "docker-init"), SYSTEM)
    assert (unused.severity, unused.mend) == (Severity.WARNING, "apt install tini")


@pytest.mark.parametrize(
    ("active", "enabled", "labelled", "severity"),
    [
        ("inactive", "disabled", (), "ok"),
        ("active", "enabled", (), "info"),
        ("inactive", "disabled", ("web",), "info"),
        ("active", "disabled", ("web",), "warning"),
        ("inactive", "enabled", ("web",), "warning"),
    ],
)
def test_podman_s_own_updater(active: str, enabled: str, labelled: tuple[str, ...], severity: str) -> None:
    facts = AutoUpdateFacts(replace(OFF, active=active, enabled=enabled), labelled)
    (finding,) = engine.auto_update(facts, USER)
    assert finding.severity.word == severity
    if severity == "warning":
        assert finding.mend == "systemctl --user disable --now podman-auto-update.timer"
    assert engine.auto_update(None, USER) == []
