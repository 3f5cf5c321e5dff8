"""Whatever is made of services that are accepted together has a name that nothing else of them has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from beacon.definition.conflicts import Precedence
from beacon.definition.decode import decode_all
from beacon.definition.effective import in_effect
from beacon.definition.endpoints.loopback import needed
from beacon.errors import DefinitionError
from beacon.model.image import Wish
from beacon.model.machine import Engine, EngineVersion, MachineFacts
from beacon.model.release import ServiceState, Trigger
from beacon.model.service import Service
from beacon.model.unit import UnitFileName, helper_name, service_of_file
from beacon.rollout.checking.candidates import make_release
from beacon.rollout.rendering import Renderer
from beacon.units.mark import read_mark
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import PLATFORM, RENDERER, push

WORDS = [
    "a",
    "web",
    "db",
    "data",
    "next",
    "volume",
    "network",
    "slice",
    "service",
    "hook",
    "backup",
    "beacon",
]
OWN = {"update", "endpoints", "panel", "agent", "mothership", "backup"}
"""What Beacon's own units are called, or will be."""
MACHINES = [
    MachineFacts(Engine.PODMAN, EngineVersion(5, 4, 2), 257, PLATFORM),
    MachineFacts(Engine.PODMAN, EngineVersion(4, 3, 1), 252, PLATFORM),
    MachineFacts(Engine.DOCKER, EngineVersion(26, 1, 5), 257, PLATFORM),
]


def names(*joints: str) -> st.SearchStrategy[str]:
    """Yield words that are put together in one way or another."""
    parts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)
    return st.tuples(st.sampled_from(joints), parts).map(lambda pair: pair[0].join(pair[1]))


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, str]:
    """Yield definitions of services with volumes, or with helpers; with networks and limits."""
    texts = {}
    for name in draw(st.lists(names("-"), min_size=2, max_size=4, unique=True)):
        networks = draw(st.lists(names("-"), max_size=2, unique=True))
        volumes = draw(st.lists(names("-", ".", "_"), max_size=2, unique=True))
        lines = ["image = 'ghcr.io/me/app:1'", f"networks = {networks}"]
        lines += [] if volumes else [f"domain = '{name}.org:http=80'", "handover = 'swap'"]
        lines += ["[resources]", "memory = '64M'"] if draw(st.booleans()) else []
        lines += [f"[[volume]]\nname = '{one}'\npath = '/{index}'" for index, one in enumerate(volumes)]
        texts[f"{name}.toml"] = "\n".join(lines) + "\n"
    return texts


def made(service: Service, facts: MachineFacts) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the files of a service, and those of its helper."""
    renderer = Renderer(lambda: facts, RENDERER.templates)
    image = push(FakeMachine(), "1")
    release = make_release(
        ServiceState(service.name), service, Wish(service.image, PLATFORM), image, Trigger.ADD
    )
    ports = {key: 20000 + index for index, key in enumerate(needed(in_effect(release)))}
    release = replace(release, ports=ports, created="2026-01-02T03:04:05Z")
    return {file.name: file.text for file in renderer.files(release)}, renderer.beside(release)


@settings(max_examples=60, deadline=None)
@given(definitions(), st.sampled_from(MACHINES))
def test_no_two_things_have_one_name(texts: dict[str, str], facts: MachineFacts) -> None:
    try:
        services = decode_all(texts, precedence=Precedence(remembered=frozenset()))
    except DefinitionError:
        assume(False)  # noqa: FBT003  # hypothesis has it so
        return
    owners: dict[str, str] = {}
    units: dict[str, str] = {}
    for service in services:
        files, beside = made(service, facts)
        helper = dict.fromkeys(beside, f"helper of {service.name}")
        assert helper or service.volumes
        assert not helper or _has_limits(files) == _has_limits(beside)
        for name, owner in ({name: _owner(text) for name, text in files.items()} | helper).items():
            parsed = UnitFileName.parse(name)
            assert parsed is not None
            assert name in parsed.files
            assert owners.setdefault(name, owner) == owner
            assert units.setdefault(parsed.unit, name) == name
        assert [one for one in map(service_of_file, files) if one] == [service.name]
        assert set(map(service_of_file, beside)) - {None} <= {helper_name(service.name)}
    assert units.keys().isdisjoint(f"beacon-{name}.service" for name in OWN)
    assert not [one.name for one in services if one.name.startswith(("beacon-", "hook-", "operation-"))]


def _has_limits(files: Iterable[str]) -> bool:
    """Say whether there is a slice with the limits of a container, as docker needs it."""
    return any(name.endswith(".slice") for name in files)


def _owner(text: str) -> str:
    mark = read_mark(text)
    assert mark is not None
    return mark.owner
