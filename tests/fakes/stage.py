"""Shorthand for rollouts on the machine in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

from msgspec.structs import replace

from beacon.model.image import ImageConfig, Platform, ResolvedImage, Wish
from beacon.model.machine import Engine, EngineVersion, MachineFacts
from beacon.model.outcome import Outcome
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import Release, ServiceState, Trigger
from beacon.model.service import Service
from beacon.rollout.checking.candidates import make_release
from beacon.rollout.deploy import deploy
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.rendering import Renderer
from beacon.rollout.tools import Tools
from beacon.state.store import fingerprint
from beacon.units.render import TEMPLATE_NAMES
from tests.fakes.machine import Behaviour, FakeImage, FakeMachine, Helpers

PLATFORM = Platform("linux", "amd64")
FACTS = MachineFacts(Engine.PODMAN, EngineVersion(5, 4, 2), 257, PLATFORM)
_TEMPLATES = Path(__file__).parents[2] / "unit-templates"
RENDERER = Renderer(lambda: FACTS, {name: (_TEMPLATES / name).read_text() for name in TEMPLATE_NAMES})


def digest(text: str) -> Digest:
    """Return a digest that stands for *text*."""
    return Digest("sha256:" + hashlib.sha256(text.encode()).hexdigest())


def tools(machine: FakeMachine, *, asks: bool = False) -> Tools:
    """Return the machine as rollouts see it; *asks* is what beacon.toml says of updates."""
    return Tools(
        engine=machine,
        systemd=machine,
        files=machine,
        store=machine,
        clock=machine,
        probe=machine,
        hooks=machine,
        reporter=machine,
        fingerprint=fingerprint,
        helpers=Helpers(machine),
        traffic=machine,
        surroundings=machine,
        asks=lambda: asks,
    )


def service(name: str = "web", repository: str = "me/web", **keys: object) -> Service:
    """Return a service that follows the tag latest of *repository*."""
    reference = ImageReference.parse(f"registry.example/{repository}:latest")
    return replace(Service(name, reference), **keys)


def push(machine: FakeMachine, version: str, behaviour: Behaviour = "good") -> ResolvedImage:
    """Push an image to the machine's registry."""
    manifest, image_id = digest(f"manifest {version}"), digest(f"config {version}")
    machine.registry[manifest] = FakeImage(image_id, behaviour)
    return ResolvedImage(digest(f"index {version}"), manifest, ImageConfig(image_id, PLATFORM), size=1)


def candidate(machine: FakeMachine, image: ResolvedImage, of: Service | None = None) -> Release:
    """Return the next release of a service, as a candidate."""
    of = of or service()
    state = machine.load(of.name)
    made = make_release(state, of, Wish(of.image, PLATFORM), image, Trigger.UPDATE)
    return replace(made, created="2026-11-21T12:00:00Z")


def plan_rollout(
    machine: FakeMachine,
    image: ResolvedImage,
    of: Service | None = None,
    *,
    start: bool = True,
    runs: bool = False,
) -> PlannedRollout:
    """Return what brings a service to *image*."""
    release = candidate(machine, image, of)
    files: dict[str, str | None] = {file.name: file.text for file in RENDERER.files(release)}
    live = machine.load(release.service.name).live
    return PlannedRollout(release, files, live, start, RENDERER.beside(release), runs)


def roll_out(machine: FakeMachine, image: ResolvedImage, of: Service | None = None) -> Outcome:
    """Bring a service to *image*."""
    (outcome,) = deploy(tools(machine), [plan_rollout(machine, image, of)])
    return outcome


def running(machine: FakeMachine, name: str = "web") -> Digest | None:
    """Return the id of the image that a service runs."""
    container = machine.containers().get(name)
    return container.image_id if container else None


def is_at_rest(state: ServiceState) -> bool:
    """Say whether no rollout is under way and no candidate is left over."""
    return state.rollout is None and not any(one.state == "candidate" for one in state.releases)
