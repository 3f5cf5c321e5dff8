"""Manifests to begin with: of nothing, of an image, of a compose file, or of Bytesized Connect."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct, field

from beacon.catalog.drafts.bcd import from_bcd
from beacon.catalog.drafts.compose import from_compose
from beacon.catalog.drafts.image import ImageFacts, from_image
from beacon.catalog.drafts.sketch import Draft
from beacon.catalog.linting import lint_manifest
from beacon.catalog.manifest import read_manifest
from beacon.catalog.skeleton import skeleton
from beacon.errors import BeaconError, DefinitionError, UsageError
from beacon.formats.tomltext import read_toml
from beacon.importing.compose.importer import import_compose
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.files import Source
from beacon.model.notice import NoteKind, Notice
from beacon.model.reference import ImageReference
from beacon.operations.apps.reading import place_of
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.checking.pinning import LATEST, VERSION_LABEL, pin, resolve_each
from beacon.state.files import read_text, rewrite
from beacon.wire.apps import Drafted

_NAME = re.compile("[a-z][a-z0-9-]{0,39}")


class NewRequest(Struct, frozen=True):
    """A manifest for *app*: of its *image* as a registry has it, of a *compose* file, or of neither."""

    app: str
    named: str = ""
    """An image that is only named."""
    image: str = ""
    compose: str = ""
    source: Source | None = None


class BcdRequest(Struct, frozen=True):
    """A manifest of Bytesized Connect, and where to write what it comes to, if not in the catalog."""

    file: Path
    image: str = ""
    output: Path | None = field(default=None)


def new_app(machine: Machine, request: NewRequest, listener: Listener) -> Drafted:
    """Write a manifest to the owner's part of the catalog.

    Raises UsageError if one is there, a RegistryError if the image cannot be had, or DefinitionError with
    all that is wrong with a compose file.
    """
    del listener
    machine.require_write("app new")
    if not _NAME.fullmatch(request.app):
        raise UsageError(f"{request.app!r} is no name for an app", hint="small letters, digits and '-'")
    path = _free(machine.paths.config / "catalog" / f"{request.app}.toml")
    if request.image:
        draft = _of_image(machine, request.app, request.image)
    elif request.compose and request.source is not None:
        draft = _of_compose(machine, request.app, request.compose, request.source)
    else:
        draft = Draft(skeleton(request.app, request.named), ())
    return _written(machine, draft, path)


def import_bcd(machine: Machine, request: BcdRequest, listener: Listener) -> Drafted:
    """Write what a manifest of Bytesized Connect comes to. Raises DefinitionError if it is none."""
    del listener
    text = read_text(request.file, errors="replace")
    if text is None:
        raise UsageError(f"there is no file {request.file}")
    draft = from_bcd(text, str(request.file), request.image)
    if request.output is not None:
        return _written(machine, draft, _free(request.output))
    machine.require_write("app import-bcd")
    name = read_manifest(draft.text, file=str(request.file)).app.id
    return _written(machine, draft, _free(machine.paths.config / "catalog" / f"{name}.toml"))


def _free(path: Path) -> Path:
    if path.exists():
        raise UsageError(f"there is {path} already", hint=f"beacon app lint {path}")
    return path


def _written(machine: Machine, draft: Draft, path: Path) -> Drafted:
    """Write a manifest; what is still wrong with it is a warning, since its owner goes on from there."""
    name = read_manifest(draft.text, file=str(path)).app.id
    warnings = []
    try:
        lint_manifest(draft.text, str(path), lambda name: place_of(machine, name))
    except DefinitionError as error:
        warnings = [Notice(str(fault), f"beacon app lint {path}") for fault in error.faults]
    rewrite(path, draft.text.encode(), mode=0o644)
    return Drafted(app=name, file=str(path), text=draft.text, notes=draft.notes, warnings=tuple(warnings))


def _of_image(machine: Machine, name: str, written: str) -> Draft:
    try:
        reference = ImageReference.parse(written)
    except ValueError as error:
        raise UsageError(f"{written!r} is no image: {error}") from None
    found = resolve_each(machine.registry, reference, machine.platform)
    here = machine.platform.architecture
    image = found.get(here) or next(iter(found.values()))
    named = pin(machine.registry, reference, image)
    said = image.config.labels.get(VERSION_LABEL, "")
    version = named.tag if named.tag not in {None, LATEST} else said
    unsaid = "service.main.image: nothing says which version it is, so it is named by its digest"
    notes = (unsaid,) if named.digest is not None and reference.digest is None else ()
    return from_image(name, ImageFacts(str(named), version or "1", image.config, tuple(found)), notes)


def _of_compose(machine: Machine, name: str, file: str, source: Source) -> Draft:
    imported = import_compose(ComposeRequest((file,), is_whole=True), source, {})
    tables = {one.name: read_toml(one.text) for one in imported.definitions}
    notes = [
        f"{f'{one.service}.' if one.service else ''}{one.key}: {one.kind}: {one.text}"
        for one in imported.notes
        if one.kind in {NoteKind.DROPPED, NoteKind.TODO} and not one.key.startswith("volumes")
    ]
    for service, table in tables.items():
        image = ImageReference.parse(str(table["image"]))
        if image.tag in {None, LATEST} and image.digest is None:
            try:
                found = resolve_each(machine.registry, image, machine.platform)
                pinned = pin(machine.registry, image, next(iter(found.values())))
            except BeaconError as error:
                notes.append(f"{service}.image: name a version; its registry was not asked: {error.message}")
            else:
                table["image"] = str(pinned)
    return from_compose(name, tables, notes)
