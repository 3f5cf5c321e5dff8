"""The files of a project → its services: merged, included, and chosen by profile and name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from msgspec import Struct, field

from beacon.definition.grammar.strings import did_you_mean, key_path, shown
from beacon.formats.node import Node, Place
from beacon.importing.compose.reading.files import Reader, Source
from beacon.importing.compose.reading.found import files_beside, found_file
from beacon.importing.compose.reading.merge import merge, without_resets
from beacon.importing.node import ImportNote, Item, Log
from beacon.model.notice import NoteKind

_TOP_LEVEL = ("name", "version", "include", "services", "networks", "volumes", "secrets", "configs", "models")
_PARTS = ("services", "networks", "volumes", "secrets", "configs")
_NAME = re.compile(r"[a-zA-Z0-9._-]+")


class ComposeRequest(Struct, frozen=True):
    """What the command line asks of compose files."""

    files: tuple[str, ...]
    project: str | None = None
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    is_whole: bool = False
    """The one file, or its folder, stands for the project, with what docker compose reads beside it."""


class Project(Struct, frozen=True):
    """A project as it is to be carried over; *services* are the chosen ones, *others* the rest."""

    name: str
    services: Mapping[str, Node]
    others: Mapping[str, Node] = field(default_factory=dict)
    networks: Mapping[str, Node] = field(default_factory=dict)
    volumes: Mapping[str, Node] = field(default_factory=dict)
    secrets: Mapping[str, Node] = field(default_factory=dict)
    configs: Mapping[str, Node] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    """Where the variables are from that are not the environment's."""
    folder: str = "/"
    """What relative paths are seen from."""
    loose: bool = False
    """No compose file: networks and volumes are the engine's own, under their own names."""


def load(request: ComposeRequest, source: Source, log: Log) -> Project | None:
    """Return the project of *request*; None where its files cannot be read at all."""
    files = [source.absolute(file, source.folder) for file in request.files]
    if request.is_whole:
        files = [found_file(files[0], source), *files[1:]]
    folder = posixpath.dirname(files[0])
    asked = tuple(source.absolute(file, source.folder) for file in request.env_files)
    env_files = asked or (posixpath.join(folder, ".env"),)
    variables = source.variables(env_files, log, required=bool(asked))
    if request.is_whole:
        files = files_beside(files[0], variables, source, log)
    name = _name(request, files, folder, source, variables)
    variables["COMPOSE_PROJECT_NAME"] = name
    root = _load_files(files, folder, source, variables, log, ())
    if root is None:
        return None
    given = root.get("name")
    if given is not None and not isinstance(given.value, str):
        log.fault(given.place, "name", f"must be a string, not {shown(given.value)}")
    if root.get("services") is None:
        log.fault(root.place, "services", "must be given; a file of format version 1 must be converted first")
    parts = {part: _fields(root, part, log) for part in _PARTS}
    profiles = {*request.profiles, *variables.get("COMPOSE_PROFILES", "").split(",")} - {""}
    chosen, others = _choose(parts["services"], request.services, profiles, log)
    return Project(
        name=name,
        services=chosen,
        others=others,
        networks=parts["networks"],
        volumes=parts["volumes"],
        secrets=parts["secrets"],
        configs=parts["configs"],
        variables=variables,
        env_files=env_files,
        folder=folder,
    )


def _name(
    request: ComposeRequest, files: list[str], folder: str, source: Source, variables: Mapping[str, str]
) -> str:
    """Return the project's name: as asked for, else the last file's, else the folder's."""
    name = request.project or variables.get("COMPOSE_PROJECT_NAME")
    quiet = Reader(source, variables, Log())  # what is wrong with the files is noted when they are read
    for file in () if name else reversed(files):
        root = quiet.file(file, Place(file), folder)
        given = None if root is None else root.get("name")
        if given is not None and isinstance(given.value, str):
            name = given.value
            break
    return _slug(name or posixpath.basename(folder))


def _slug(name: str) -> str:
    """Return a project's name as compose normalises it."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-") or "project"


def _load_files(  # noqa: PLR0913, PLR0917 -- what one level of includes hands on to the next
    files: list[str],
    folder: str,
    source: Source,
    variables: Mapping[str, str],
    log: Log,
    chain: tuple[str, ...],
) -> Node | None:
    """Return what several files come to, each over the one before; their paths are seen from *folder*."""
    reader = Reader(source, variables, log)
    merged: Node | None = None
    for file in files:
        if file in chain:
            log.fault(Place(chain[-1]), "include", f"must not form a cycle: {' → '.join([*chain, file])}")
            continue
        root = reader.file(file, Place(file), folder)
        if root is None:
            continue
        _check_top_level(root, log)
        root = _included(reader.extended(file, root), folder, source, variables, log, (*chain, file))
        merged = root if merged is None else merge(merged, root)
    return None if merged is None else without_resets(merged)


def _check_top_level(root: Node, log: Log) -> None:
    for key, item in Item(root, (), log).fields().items():
        if key == "models":
            item.drop("Beacon runs containers, not models")
        elif key == "version":
            _check_version(item)
        elif key not in _TOP_LEVEL and isinstance(root.value, dict) and "services" in root.value:
            near = did_you_mean(key, list(_TOP_LEVEL))
            item.drop(f"no key of the compose specification{near}")


def _check_version(item: Item) -> None:
    if item.text() is not None:
        item.drop("obsolete: the compose specification has no versions")


def _included(  # noqa: PLR0913, PLR0917 -- as above
    root: Node,
    folder: str,
    source: Source,
    variables: Mapping[str, str],
    log: Log,
    chain: tuple[str, ...],
) -> Node:
    include = root.get("include")
    if include is None or not isinstance(root.value, dict):
        return root
    fields = dict(root.value)
    for item in Item(include, ("include",), log).each():
        other = _include(item, folder, source, variables, chain)
        for part in _PARTS if other is not None else ():
            theirs = Item(other, (), log).fields().get(part) if other is not None else None
            if theirs is None:
                continue
            mine = fields.get(part, theirs.node.with_value({}))
            for name, node in theirs.fields().items():
                held = mine.get(name)
                if held is not None and held != node.node:
                    item.fault(f"must not define {key_path(part, name)}, which {held.place} defines too")
            fields[part] = mine.with_value({**_raw_fields(theirs.node), **_raw_fields(mine)})
    return root.with_value(fields)


def _include(
    item: Item, folder: str, source: Source, variables: Mapping[str, str], chain: tuple[str, ...]
) -> Node | None:
    fields = {"path": item} if isinstance(item.value, str) else item.fields()
    if "path" not in fields:
        item.fault("must name a file")
        return None
    item.require(fields, "path", "env_file", "project_directory")
    named = [path.text() or "" for path in fields["path"].one_or_each()]
    paths = [source.absolute(path, folder) for path in named if path]
    if not paths:
        return None
    env_files = [
        source.absolute(file.text() or "", folder)
        for file in (fields["env_file"].one_or_each() if "env_file" in fields else ())
    ]
    said = fields["project_directory"].text() if "project_directory" in fields else None
    theirs = source.absolute(said, folder) if said else posixpath.dirname(paths[0])
    default = posixpath.join(theirs, ".env")
    own = source.variables(tuple(env_files) or (default,), item.log, required=bool(env_files))
    return _load_files(paths, theirs, source, {**own, **variables}, item.log, chain)


def _raw_fields(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}


def _fields(root: Node, part: str, log: Log) -> dict[str, Node]:
    node = root.get(part)
    if node is None:
        return {}
    fields = Item(node, (part,), log).fields()
    for name, item in fields.items():
        if not _NAME.fullmatch(name):
            item.fault("must have a name of letters, digits, '.', '_' and '-'")
        elif part == "services" and not isinstance(item.value, dict):
            item.fault(f"must be a mapping, not {shown(item.plain())}")
    return {
        name: item.node for name, item in fields.items() if part != "services" or isinstance(item.value, dict)
    }


def _choose(
    services: Mapping[str, Node], named: tuple[str, ...], profiles: set[str], log: Log
) -> tuple[dict[str, Node], dict[str, Node]]:
    """Return the services that are imported, and the others, each of which gets a note that says why."""
    for name in named:
        if name not in services:
            log.fault(
                Place("the command line"),
                "",
                f"there is no service {name!r}{did_you_mean(name, list(services))}",
            )
    active = {name for name, node in services.items() if name in named or _is_active(node, profiles)}
    wanted = {name for name in named if name in services} if named else active
    _check_dependencies(services, wanted, active, log)
    pending = list(wanted)
    while pending:
        for other in dependencies(services[pending.pop()]):
            if other in active and other not in wanted:
                wanted.add(other)
                pending.append(other)
    for name, node in services.items():
        if name not in wanted and not named:
            held = ", ".join(profiles_of(node))
            text = f"it belongs to the profile {held}"
            log.note(
                ImportNote(name, "profiles", NoteKind.DROPPED, text, f"--profile {profiles_of(node)[0]}")
            )
    chosen = {name: node for name, node in services.items() if name in wanted}
    return chosen, {name: node for name, node in services.items() if name not in wanted}


def profiles_of(node: Node) -> list[str]:
    """Return the profiles of a service."""
    profiles = node.get("profiles")
    return (
        [str(item.value) for item in profiles.value] if profiles and isinstance(profiles.value, list) else []
    )


def _is_active(node: Node, profiles: set[str]) -> bool:
    own = profiles_of(node)
    return not own or "*" in profiles or bool(profiles & set(own))


def dependencies(node: Node) -> Mapping[str, Node]:
    """Return the services that *node* names in depends_on, each with what it says of it."""
    found = node.get("depends_on")
    if found is None:
        return {}
    if isinstance(found.value, list):
        return {str(item.value): item for item in found.value}
    return found.value if isinstance(found.value, dict) else {}


def _is_required(node: Node) -> bool:
    required = node.get("required")
    return required is None or required.value is not False


def _check_dependencies(services: Mapping[str, Node], wanted: set[str], active: set[str], log: Log) -> None:
    for name in sorted(wanted | active):
        for other, node in dependencies(services[name]).items():
            key = key_path("services", name, "depends_on", other)
            if other not in services:
                near = did_you_mean(other, list(services))
                log.fault(node.place, key, f"must name a service of the file, not {other!r}{near}")
            elif other not in active and _is_required(node):
                profile = profiles_of(services[other])[0]
                problem = f"must name a service that is imported too; {other} needs --profile {profile}"
                log.fault(node.place, key, problem)
    for cycle in _cycles({name: dependencies(node) for name, node in services.items()}):
        key = key_path("services", cycle[0], "depends_on")
        place = services[cycle[0]].get("depends_on")
        where = services[cycle[0]].place if place is None else place.place
        log.fault(where, key, f"must not form a cycle: {' → '.join([*cycle, cycle[0]])}")


def _cycles(edges: Mapping[str, Mapping[str, Node]]) -> list[list[str]]:
    """Return every cycle that a walk in depth meets, each once."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            found.append(path[path.index(name) :])
            return
        if name in done:
            return
        for other in edges[name]:
            if other in edges:
                walk(other, [*path, name])
        done.add(name)

    for name in edges:
        walk(name, [])
    return found
