"""Manifests to begin with: of nothing, of an image, of a compose file, or of Bytesized Connect."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct, field

from beacon.catalog.drafts.bcd import from_bcd
from beacon.catalog.drafts.compose import from_compose
from beacon.catalog.drafts.image import ImageFacts, from_image
from beacon.catalog.drafts.sketch import Draft
from beacon.catalog.manifest import read_manifest
from beacon.catalog.skeleton import skeleton
from beacon.errors import BeaconError, DefinitionError, UsageError
from beacon.formats.tomltext import read_toml
from beacon.importing.compose.importer import import_compose
from beacon.importing.compose.project import ComposeRequest
from beacon.importing.compose.reading.files import Source
from beacon.model.image import Platform, ResolvedImage, Wish
from beacon.model.notice import NoteKind, Notice
from beacon.model.reference import ImageReference
from beacon.operations.apps.showing import judge
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.registry.results import Found, PlatformError
from beacon.state.files import read_text, rewrite
from beacon.wire.apps import Drafted

_ARCHITECTURES = ("amd64", "arm64")
_VERSION_LABEL = "org.opencontainers.image.version"
_LATEST = "latest"
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
        judge(machine, draft.text, str(path))
    except DefinitionError as error:
        warnings = [Notice(str(fault), f"beacon app lint {path}") for fault in error.faults]
    rewrite(path, draft.text.encode(), mode=0o644)
    return Drafted(app=name, file=str(path), text=draft.text, notes=draft.notes, warnings=tuple(warnings))


def _of_image(machine: Machine, name: str, written: str) -> Draft:
    try:
        reference = ImageReference.parse(written)
    except ValueError as error:
        raise UsageError(f"{written!r} is no image: {error}") from None
    found = _resolved(machine, reference)
    here = machine.platform.architecture
    image = found.get(here) or next(iter(found.values()))
    named, notes = _pinned(machine, reference, image)
    said = image.config.labels.get(_VERSION_LABEL, "")
    version = named.tag if named.tag not in {None, _LATEST} else said
    return from_image(name, ImageFacts(str(named), version or "1", image.config, tuple(found)), notes)


def _resolved(machine: Machine, reference: ImageReference) -> dict[str, ResolvedImage]:
    """Return the image for each architecture that there is. Raises RegistryError if there is none."""
    wishes = {one: Wish(reference, Platform("linux", one)) for one in _ARCHITECTURES}
    wishes.setdefault(machine.platform.architecture, Wish(reference, machine.platform))
    answers = machine.registry.resolve(wishes.values())
    found = {}
    for architecture, wish in wishes.items():
        answer = answers[wish]
        if isinstance(answer, ResolvedImage):
            if answer.config.platform.architecture == architecture:
                found[architecture] = answer
        elif not isinstance(answer, PlatformError):
            raise answer
    if not found:
        raise UsageError(f"{reference} is neither for {' nor for '.join(wishes)}")
    return found


def _pinned(
    machine: Machine, reference: ImageReference, image: ResolvedImage
) -> tuple[ImageReference, tuple[str, ...]]:
    """Return *reference* at a version, so that all who install the app get the same; and what to look at."""
    if reference.digest is not None or reference.tag not in {None, _LATEST}:
        return reference, ()
    version = image.config.labels.get(_VERSION_LABEL, "")
    for tag in dict.fromkeys((version, f"v{version}", version.removeprefix("v"))) if version else ():
        try:
            candidate = ImageReference.parse(f"{reference.name}:{tag}")
        except ValueError:
            continue
        answer = machine.registry.check([candidate])[candidate]
        if isinstance(answer, Found) and answer.digest == image.tag_digest:
            return candidate, ()
    note = "service.main.image: nothing says which version it is, so it is named by its digest"
    return reference.with_digest(image.tag_digest), (note,)


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
        if image.tag in {None, _LATEST} and image.digest is None:
            try:
                pinned, _ = _pinned(machine, image, next(iter(_resolved(machine, image).values())))
            except BeaconError as error:
                notes.append(f"{service}.image: name a version; its registry was not asked: {error.message}")
            else:
                table["image"] = str(pinned)
    return from_compose(name, tables, notes)
