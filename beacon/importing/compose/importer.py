"""The whole of it: compose files in, definitions and a report out."""

from __future__ import annotations

from collections.abc import Mapping

from beacon.definition.names import validate_new_name
from beacon.errors import DefinitionError
from beacon.importing.compose import network, storage
from beacon.importing.compose.context import Context
from beacon.importing.compose.files import Source
from beacon.importing.compose.project import Project, Request, load
from beacon.importing.compose.service import convert
from beacon.importing.names import choose_names, origin_of, slug
from beacon.importing.node import Item, Log, Node, Place
from beacon.importing.result import Imported, make_definition, make_imported


def import_compose(request: Request, source: Source, existing: Mapping[str, str]) -> Imported:
    """Return the definitions of a project's services, and the report.

    *existing* are the texts of the machine's definitions by name: a name that another service has is not
    taken from it. Raises DefinitionError with every fault of every file.
    """
    log = Log()
    project = load(request, source, log)
    if project is None:
        raise DefinitionError(log.faults)
    names = _names(project, existing, log)
    context = Context(project, names, source)
    services = [
        service
        for key, node in project.services.items()
        if key in names and (service := convert(key, node, context, log)) is not None
    ]
    _resources(context, log)
    if not project.services and not log.faults:
        log.fault(Place(request.files[0]), "services", "must have a service that is imported; give --profile")
    if log.faults:
        raise DefinitionError(log.faults)
    by_name = {name: key for key, name in names.items()}
    definitions = [make_definition(service, origin(project, by_name[service.name])) for service in services]
    return make_imported(definitions, log.notes)


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
            why = validate_new_name(long) or f"{long!r} is a service of this machine already"
            place = project.services[key].place
            log.fault(place, f"services.{key}", f"must have a name that Beacon can give a service: {why}")
        else:
            chosen[key] = name
    return chosen


def _resources(context: Context, log: Log) -> None:
    """Tell of the volumes, networks, secrets and configs of the file as a whole."""
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
