"""What is rendered, beside what the golden cases show."""

from __future__ import annotations

import re
import time

import pytest
from msgspec.structs import replace

from beacon.errors import ConfigError, DefinitionError, MachineError
from beacon.model.image import Platform
from beacon.model.machine import Engine, EngineVersion, MachineFacts
from beacon.model.parts.raw import RawPodman
from beacon.model.reference import Digest, ImageReference
from beacon.model.service import (
    Health,
    HealthAction,
    HttpProbe,
    Port,
    Protocol,
    Resources,
    Restart,
    RestartPolicy,
    Secret,
    Service,
    Stop,
    Volume,
)
from beacon.units.container import published
from beacon.units.health import command_line, span, start_limit
from beacon.units.render import ReleaseInput, render
from beacon.units.versions import first_version, is_known
from tests.golden.cases import TEMPLATES

AMD64 = Platform("linux", "amd64")
FACTS = MachineFacts(Engine.PODMAN, EngineVersion(5, 4, 2), 257, AMD64)
DOCKER = replace(FACTS, engine=Engine.DOCKER, engine_version=EngineVersion(26, 1))
WEB = Service(name="web", image=ImageReference.parse("registry.example/web:1"), init=True)
DIGEST = Digest("sha256:" + "a" * 64)


def release(service: Service, declared: Service | None = None, number: int | None = 1) -> ReleaseInput:
    return ReleaseInput(service=service, declared=declared or service, digest=DIGEST, number=number)


def container(service: Service, declared: Service | None = None, facts: MachineFacts = FACTS) -> list[str]:
    files = {file.name: file.text for file in render(release(service, declared), facts, TEMPLATES)}
    return files["beacon-web.container"].splitlines()


def test_a_release_without_a_number_has_no_label_of_one() -> None:
    (file,) = render(release(WEB, number=None), FACTS, TEMPLATES)
    assert "io.beacon.release" not in file.text
    assert f"Image=registry.example/web@{DIGEST}" in file.text


def test_what_the_image_says_by_itself_is_not_written() -> None:
    effective = replace(
        WEB, command=("serve",), env={"A": "1"}, user="app", stop=Stop(5.0, "SIGQUIT"), labels={"a": "b"}
    )
    lines = container(effective, WEB)
    assert not any(line.startswith(("Exec=", "Environment=", "User=", "Label=a=")) for line in lines)
    assert "StopSignal=SIGQUIT" in lines
    assert "StopTimeout=5" in lines


def test_a_docker_that_is_too_old_is_refused() -> None:
    with pytest.raises(MachineError, match=r"docker 19\.3\.0 is too old"):
        render(release(WEB), MachineFacts(Engine.DOCKER, EngineVersion(19, 3), 252, AMD64), TEMPLATES)


def test_every_fault_is_reported_under_the_name_of_the_file() -> None:
    service = replace(
        WEB,
        env={"A": "\0", "with space": "\0"},
        command=("a", "b\0"),
        hostname="\0",
        user="\0",
        description="ends in \\",
        env_files=("/a\nb",),
        secrets=(Secret("a,b", env="A"),),
        podman=RawPodman(unit={"A B": ("x",), "Wants": ("a\nb",)}, service={"Nice": ("1\\",)}),
    )
    with pytest.raises(DefinitionError) as raised:
        render(replace(release(service), file="here.toml"), FACTS, TEMPLATES)
    faults = raised.value.faults
    assert {fault.file for fault in faults} == {"here.toml"}
    assert {fault.key for fault in faults} == {
        "command[1]", "description", "env.A", 'env."with space"', "env_file[0]", "hostname",
        "podman.service.Nice", "podman.unit.A B", "podman.unit.Wants", "secret[0].name", "user",
    }  # fmt: skip


def test_a_newer_key_becomes_an_argument() -> None:
    service = replace(WEB, hosts={"a": "192.0.2.1"})
    assert "AddHost=a:192.0.2.1" in container(
        service, facts=replace(FACTS, engine_version=EngineVersion(5, 3))
    )
    old = container(service, facts=replace(FACTS, engine_version=EngineVersion(5, 2, 9)))
    assert "PodmanArgs=--add-host=a:192.0.2.1" in old


@pytest.mark.parametrize(
    ("engine", "version", "lines"),
    [
        pytest.param(Engine.PODMAN, (5, 4, 2), ["PidsLimit=0", "TasksMax=4096"], id="Quadlet"),
        pytest.param(
            Engine.PODMAN,
            (4, 6),
            ["PodmanArgs=--pids-limit=0", "TasksMax=4096"],
            id="Quadlet before the key",
        ),
        pytest.param(Engine.PODMAN, (4, 3), ["--pids-limit=0", "TasksMax=4096"], id="plain Podman"),
        pytest.param(Engine.DOCKER, (26, 1), ["--pids-limit=4096", "TasksMax=4096"], id="docker"),
    ],
)
def test_the_unit_alone_limits_processes(engine: Engine, version: tuple[int, ...], lines: list[str]) -> None:
    facts = replace(FACTS, engine=engine, engine_version=EngineVersion(*version))
    assert limits_of(4096, facts) == lines
    assert limits_of(None, facts) == []


def limits_of(processes: int | None, facts: MachineFacts) -> list[str]:
    """Return every line that limits the processes of a container."""
    service = replace(WEB, resources=Resources(pids=processes))
    lines = [line for file in render(release(service), facts, TEMPLATES) for line in file.text.splitlines()]
    return [line.removesuffix("\\").strip() for line in lines if re.search("pids|tasks", line, re.IGNORECASE)]


def test_a_user_of_an_odd_form_goes_to_podman_as_it_is() -> None:
    assert "PodmanArgs=--user=:5" in container(replace(WEB, user=":5"))
    assert 'PodmanArgs="--user=a\\\\"' in container(replace(WEB, user="a\\"))


@pytest.mark.parametrize("entrypoint", [None, ()])
def test_no_command_is_refused_where_nothing_would_run(entrypoint: tuple[str, ...] | None) -> None:
    with pytest.raises(DefinitionError) as raised:
        container(replace(WEB, command=(), entrypoint=entrypoint))
    (fault,) = raised.value.faults
    assert str(fault) == (
        "web.toml: command: must not be empty where there is no entrypoint: nothing would run"
    )


def test_two_mounts_of_a_volume_make_one_file() -> None:
    service = replace(WEB, volumes=(Volume("/a", name="data"), Volume("/b", name="data")))
    names = [file.name for file in render(release(service), FACTS, TEMPLATES)]
    assert names == ["beacon-web-data.volume", "beacon-web.container"]


@pytest.mark.parametrize(
    ("own", "of_image", "problems"),
    [
        pytest.param(
            (Volume("/cache", name="cache"), Volume("/uploads", name="data")),
            (Volume("/data", name="data"),),
            [
                (
                    "volume[1].name: must not be 'data', which is the volume of the image's /data, "
                    "unless /data is given a [[volume]] of its own"
                ),
            ],
            id="the definition's",
        ),
        pytest.param(
            (),
            (Volume("/a-b", name="a-b"), Volume("/a/b", name="a-b")),
            ["volume: must give the image's /a-b or /a/b a volume of its own: both would be 'a-b'"],
            id="another of the image",
        ),
    ],
)
@pytest.mark.parametrize("engine", Engine)
def test_a_volume_of_the_image_shares_its_name_with_no_other(
    engine: Engine, own: tuple[Volume, ...], of_image: tuple[Volume, ...], problems: list[str]
) -> None:
    facts = DOCKER if engine is Engine.DOCKER else FACTS
    declared = replace(WEB, volumes=own)
    with pytest.raises(DefinitionError) as raised:
        render(release(replace(WEB, volumes=own + of_image), declared), facts, TEMPLATES)
    assert [str(fault) for fault in raised.value.faults] == [f"web.toml: {problem}" for problem in problems]


def test_the_owner_s_template_may_add_lines() -> None:
    own = TEMPLATES["container.j2"].replace("[Service]", "[Service]\nEnvironment=RELEASE={{ digest }}")
    (file,) = render(release(WEB), FACTS, {**TEMPLATES, "container.j2": own})
    assert f"[Service]\nEnvironment=RELEASE={DIGEST}\n" in file.text


@pytest.mark.parametrize("template", ["{{ nothing }}", "{% for %}"])
def test_a_wrong_template_is_named(template: str) -> None:
    with pytest.raises(ConfigError, match=r"container\.j2"):
        render(release(WEB), FACTS, {**TEMPLATES, "container.j2": template})


def test_a_missing_template_is_named() -> None:
    with pytest.raises(ConfigError, match=r"container\.j2"):
        render(release(WEB), FACTS, {})


def test_a_thousand_services_render_in_no_time() -> None:
    service = replace(
        WEB,
        env={"GREETING": "hello"},
        ports=(Port(8080, 8080, "127.0.0.1"),),
        volumes=(Volume("/data", name="data"),),
        networks=("backend",),
        health=Health(command=("CMD-SHELL", "wget -qO- http://127.0.0.1:8080/")),
    )
    render(release(service), FACTS, TEMPLATES)
    start = time.process_time()
    for index in range(1000):
        render(release(replace(service, name=f"web{index}")), FACTS, TEMPLATES)
    # Measured 0.28 s; the limit is for a slow machine.
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("port", "values"),
    [
        (Port(80), ("80",)),
        (Port(80, 8080), ("8080:80",)),
        (Port(53, 5353, "127.0.0.1", Protocol.UDP), ("127.0.0.1:5353:53/udp",)),
        (Port(80, None, "::1"), ("[::1]::80",)),
        (Port(80, 8000, "[::1]", count=3), ("[::1]:8000-8002:80-82",)),
        (Port(80, count=2), ("80", "81")),
    ],
)
def test_ports(port: Port, values: tuple[str, ...]) -> None:
    assert published(port) == values


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (("CMD-SHELL", "a && b"), '["CMD-SHELL","a && b"]'),
        (("/bin/check", "x"), '["/bin/check","x"]'),
        (("CMD", "/bin/check", "x"), '["/bin/check","x"]'),
        (("/bin/my check",), '["CMD-SHELL","\'/bin/my check\'"]'),
    ],
)
def test_health_commands_are_json_without_the_word_cmd(command: tuple[str, ...], line: str) -> None:
    assert command_line(command) == line


PROBED = Health(http=HttpProbe(80), on_failure=HealthAction.KILL)
CHECKED = Health(command=("a", "b"), on_failure=HealthAction.RESTART)
ONCE = Restart(policy=RestartPolicy.NO)
NO_CHECK = (
    "without health.command or the image's HEALTHCHECK: "
    "Podman acts on checks of its own, and Beacon looks at http and tcp from outside"
)


@pytest.mark.parametrize(
    ("service", "facts", "problem"),
    [
        pytest.param(replace(WEB, health=PROBED), FACTS, f'must not be "kill" {NO_CHECK}', id="a probe"),
        pytest.param(
            replace(WEB, health=Health(on_failure=HealthAction.STOP)),
            FACTS,
            f'must not be "stop" {NO_CHECK}',
            id="no check",
        ),
        pytest.param(
            replace(WEB, health=Health(disable=True, on_failure=HealthAction.KILL)),
            FACTS,
            f'must not be "kill" {NO_CHECK}',
            id="disabled",
        ),
        pytest.param(
            replace(WEB, health=CHECKED, restart=ONCE),
            FACTS,
            'must not be "restart" where restart.policy is "no"',
            id="a restart that is not to be",
        ),
        pytest.param(
            replace(WEB, health=CHECKED),
            DOCKER,
            "is nothing that docker 26.1.0 can do; leave it out",
            id="docker",
        ),
        pytest.param(
            replace(WEB, health=PROBED),
            DOCKER,
            "is nothing that docker 26.1.0 can do; leave it out",
            id="a probe with docker",
        ),
    ],
)
def test_what_nobody_can_do_on_failure_is_a_fault_of_the_owner_s_alone(
    service: Service, facts: MachineFacts, problem: str
) -> None:
    with pytest.raises(DefinitionError) as raised:
        render(release(service), facts, TEMPLATES)
    assert [str(fault) for fault in raised.value.faults] == [f"web.toml: health.on_failure: {problem}"]
    files = render(release(service, replace(service, health=Health())), facts, TEMPLATES)
    assert not any("on-failure=" in file.text or "HealthOnFailure" in file.text for file in files)


def test_doing_nothing_on_failure_is_possible_everywhere() -> None:
    for facts in (FACTS, DOCKER):
        for health in (PROBED, CHECKED, Health()):
            service = replace(WEB, health=replace(health, on_failure=HealthAction.NONE))
            assert render(release(service), facts, TEMPLATES)


def test_a_description_of_the_image_s_that_cannot_be_written_is_not_used() -> None:
    lines = container(replace(WEB, description="ends in \\"), WEB)
    assert "Description=web (registry.example/web:1)" in lines


def test_a_start_may_take_what_its_check_takes() -> None:
    checked = replace(
        WEB, health=Health(command=("true", "x"), interval=2, timeout=1, start_period=10, retries=4)
    )
    assert start_limit(checked, waits_for_health=True) == 10 + 4 * 3 + 30
    assert start_limit(replace(WEB, health=Health(command=("true",))), waits_for_health=True) == 3 * 60 + 30
    assert start_limit(replace(WEB, health=Health(tcp=80)), waits_for_health=True) == 120
    assert start_limit(checked, waits_for_health=False) == 120


def test_spans_are_read_alike_by_go_and_systemd() -> None:
    assert [span(value) for value in (0, 90, 2.5, 0.0001, 1e7)] == ["0s", "90s", "2500ms", "1ms", "10000000s"]


def test_versions() -> None:
    assert first_version("Container", "Memory") == EngineVersion(5, 5)
    assert not is_known("Container", "Memory", EngineVersion(5, 4, 2))
    assert is_known("Container", "Memory", EngineVersion(5, 5))
    assert not is_known("Container", "Unheard", EngineVersion(6, 1))
    assert is_known("Container", "Unheard", EngineVersion(6, 2))
