"""The whole of it: compose files in, definitions and a report out."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping

from msgspec.structs import replace

from beacon.definition.decode import decode
from beacon.definition.names import validate_new_name
from beacon.errors import DefinitionError
from beacon.formats.node import Node, Place
from beacon.importing.compose import network, storage
from beacon.importing.compose.context import Context
from beacon.importing.compose.project import ComposeRequest, Project, load, profiles_of
from beacon.importing.compose.reading.files import Source
from beacon.importing.compose.service import convert
from beacon.importing.names import choose_names, origin_of, slug
from beacon.importing.node import ImportNote, Item, Log
from beacon.importing.result import Imported, make_definition, make_imported
from beacon.model.endpoints.network import Network
from beacon.model.notice import NoteKind


def import_compose(request: ComposeRequest, source: Source, existing: Mapping[str, str]) -> Imported:
    """Return the definitions of a project's services, and the report.

    *existing* are the texts of the machine's definitions by name: a name that another service has is not
    taken from it. Raises DefinitionError with every fault of every file.
    """
    log = Log()
    project = load(request, source, log)
    if project is None:
        raise DefinitionError(log.faults)
    project = _without_builds(project, request, log)
    names = _names(project, existing, log)
    context = Context(project, names, source, _networks(existing))
    services = [
        service
        for key, node in project.services.items()
        if key in names and (service := convert(key, node, context, log)) is not None
    ]
    _resources(context, log)
    if not project.services and not log.faults:
        log.fault(Place(request.files[0]), "services", _nothing(project))
    if log.faults:
        raise DefinitionError(log.faults)
    by_name = {name: key for key, name in names.items()}
    origins = {service.name: origin(project, by_name[service.name]) for service in services}
    definitions = [make_definition(one, origins[one.name], source.engine) for one in services]
    return make_imported(definitions, log.notes, source.engine)


def _networks(existing: Mapping[str, str]) -> dict[str, Network]:
    """Return what definitions say of the networks that their services are on."""
    found: dict[str, Network] = {}
    for name, text in existing.items():
        if "[network." in text:
            with contextlib.suppress(DefinitionError):
                service = decode(text, name=name, file=name)
                found |= {network: said.shared for network, said in service.network.items()}
    return found


def _nothing(project: Project) -> str:
    """Return why no service is imported, with the profiles that there are."""
    found = dict.fromkeys(profile for node in project.others.values() for profile in profiles_of(node))
    words = ", ".join(f"--profile {profile}" for profile in found)
    return f"must have a service that is imported{f'; there are {words}' if words else ''}"


def _without_builds(project: Project, request: ComposeRequest, log: Log) -> Project:
    """Leave out services that are only built, and say how to build them; a fault where no other is left."""
    built = {
        key: node
        for key, node in project.services.items()
        if not _text_at(node, "image") and (build := node.get("build")) is not None and build.value
    }
    left = {key: node for key, node in project.services.items() if key not in built}
    for key, node in built.items():
        slug_of = f"{project.name}-{slug(key)}"
        commands = f"{_build(node, slug_of)} && podman push REGISTRY/{slug_of}"
        if left and key not in request.services:
            text = (
                f"not imported, as Beacon builds no images; then image: REGISTRY/{slug_of}, and import again"
            )
            log.note(ImportNote("", f"services.{key}", NoteKind.TODO, text, commands))
        else:
            problem = f"must have an image, as Beacon builds none: {commands}, then image: REGISTRY/{slug_of}"
            log.fault(node.place, f"services.{key}", problem)
    for key in _sharing(left, set(built)):
        text = "not imported, as it shares the namespace of a service that is not"
        log.note(ImportNote("", f"services.{key}", NoteKind.DROPPED, text))
        built[key] = left.pop(key)
    return replace(project, services=left, others={**project.others, **built})


def _sharing(services: Mapping[str, Node], missing: set[str]) -> list[str]:
    """Return the services that share a namespace with one of *missing*, or with another of these."""
    found: list[str] = []
    for _ in services:  # each round may find those that share with the last one
        for key, node in services.items():
            shared = {
                _text_at(node, mode).partition("service:")[2] for mode in ("network_mode", "ipc", "pid")
            }
            if key not in found and shared & {*missing, *found}:
                found.append(key)
    return found


def _build(node: Node, slug_of: str) -> str:
    """Return the command that builds a service's image."""
    build = node.get("build")
    if build is None:
        return ""
    context = str(build.value) if isinstance(build.value, str) else _text_at(build, "context")
    options = [f"--{key}={text}" for key, at in _BUILD.items() if (text := _text_at(build, at))]
    return shlex.join(["podman", "build", "-t", f"REGISTRY/{slug_of}", *options, context or "."])


_BUILD = {"file": "dockerfile", "target": "target"}


def _text_at(node: Node, key: str) -> str:
    found = node.get(key)
    return "" if found is None or found.value is None else str(found.value)


def origin(project: Project, key: str) -> str:
    """Return what a definition says that it was imported from."""
    return f"service {key} of the compose project {project.name}"


def _names(project: Project, existing: Mapping[str, str], log: Log) -> dict[str, str]:
    def is_free(key: str, name: str) -> bool:
        if name in existing:
            return origin_of(existing[name]) == origin(project, key)
        return validate_new_name(name) is None

    chosen: dict[str, str] = {}
    for key, name in choose_names(project.services, project.name, is_free).items():
        if name is None:
            long = slug(f"{project.name}-{key}")
            why = validate_new_name(long) or f"{long!r} and all that is like it are taken"
            place = project.services[key].place
            log.fault(place, f"services.{key}", f"must have a name that Beacon can give a service: {why}")
        else:
            chosen[key] = name
    return chosen


def _resources(context: Context, log: Log) -> None:
    """Note the volumes, networks, secrets and configs of the file as a whole."""
    project = context.project
    nowhere = Place("")
    storage.resources(
        dict(project.volumes), _used(project, "volumes"), context, Item(Node({}, nowhere), ("volumes",), log)
    )
    network.resources(
        dict(project.networks),
        _used(project, "networks"),
        context,
        Item(Node({}, nowhere), ("networks",), log),
    )
    for part, kind in (("secrets", project.secrets), ("configs", project.configs)):
        used = _used(project, part)
        for key, node in kind.items():
            if key not in used:
                Item(node, (part, key), log).drop("no service that is imported has it")


def _used(project: Project, part: str) -> set[str]:
    """Return the names of *part* that imported services mention."""
    found: set[str] = {"default"} if part == "networks" else set()
    for node in project.services.values():
        entries = node.get(part)
        if entries is None:
            continue
        if isinstance(entries.value, dict):
            found |= set(entries.value)
        for entry in entries.value if isinstance(entries.value, list) else []:
            source = entry.get("source")
            text = str(entry.value if source is None else source.value)
            found.add(text.partition(":")[0] if part == "volumes" else text)
    return found
