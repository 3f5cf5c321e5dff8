"""What nothing needs any more is shown, and goes if that is asked for by name."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import BeaconError
from beacon.model.notice import Notice
from beacon.operations.definitions.secrets import RemoveSecretRequest, unneeded
from beacon.operations.definitions.secrets import remove as remove_secret
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.definitions.pruning import (
    KeptImage,
    Known,
    delete_orphans,
    orphans,
    prune_images,
    unneeded_images,
)
from beacon.state.removed import copies
from beacon.wire.definition import PrunableInfo, Pruned


class PruneRequest(Struct, frozen=True):
    """What goes; nothing if nothing is named. Of what is named here, only what nothing needs goes."""

    images: bool = False
    volumes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


def prunable(machine: Machine, listener: Listener) -> Pruned:
    """Return what nothing needs: images, volumes, secrets, and copies of definitions; nothing is changed."""
    del listener
    machine.require_write("prune")
    known = _known(machine)
    secrets, warnings = _secrets(machine, known)
    items = (
        *map(_image, unneeded_images(machine.tools, known)),
        *(
            PrunableInfo(kind="volume", name=one.name, service=one.service, size=one.size)
            for one in orphans(machine.tools, machine.engine, known)
        ),
        *(PrunableInfo(kind="secret", name=name, service="") for name in secrets),
        *(
            PrunableInfo(kind="copy", name=str(folder), service=", ".join(services))
            for folder, services in copies(machine.paths.removed).items()
        ),
    )
    return Pruned(items=items, warnings=warnings)


def prune(machine: Machine, request: PruneRequest, listener: Listener) -> Pruned:
    """Remove what is asked for, as far as nothing needs it; return all that could go, and what is gone.

    What cannot be removed is a warning.
    """
    there = prunable(machine, listener)
    tools, gone, warnings = machine.tools_for(listener), set(), list(there.warnings)
    if request.images:
        gone |= {("image", _image(one).name) for one in prune_images(tools, _known(machine))}
    if request.volumes:
        deleted, failed = delete_orphans(tools, machine.engine, lambda: _known(machine), request.volumes)
        gone |= {("volume", one.name) for one in deleted}
        warnings += [Notice(f"{name} is not deleted: {why}") for name, why in failed.items()]
    free = {one.name for one in there.items if one.kind == "secret"}
    for name in sorted(free & set(request.secrets)):
        try:
            remove_secret(machine, RemoveSecretRequest(name), listener)
            gone.add(("secret", name))
        except BeaconError as error:
            warnings.append(Notice(f"the secret {name} is not removed: {error.message}", error.hint))
    gone |= {("copy", name) for name in _without_copies(machine, request.copies)}
    items = tuple(replace(one, removed=(one.kind, one.name) in gone) for one in there.items)
    left = [one.name for one in items if one.kind == "image" and request.images and not one.removed]
    warnings += [Notice(f"{name} is still there: it is in use", None) for name in left]
    return Pruned(items=items, warnings=tuple(warnings))


def _known(machine: Machine) -> Known:
    """Return what there is, read anew."""
    adopting = {one.service for one in machine.store.adoptions()}
    texts = machine.definition_files().values()
    return Known(frozenset({*machine.known_names(), *adopting}), tuple(texts))


def _secrets(machine: Machine, known: Known) -> tuple[list[str], tuple[Notice, ...]]:
    """Return the secrets that nothing uses; if what is remembered cannot all be read, that is not known."""
    try:
        found = unneeded(machine)
    except BeaconError as error:
        return [], (Notice(f"which secrets are used is not known: {error.message}", error.hint),)
    if found is None:
        return [], (Notice("which secrets are used is not known: see beacon status", "beacon doctor"),)
    return [name for name in found if not known.names(name)], ()


def _image(one: KeptImage) -> PrunableInfo:
    return PrunableInfo(kind="image", name=f"{one.service} release {one.release}", service=one.service)


def _without_copies(machine: Machine, names: Iterable[str]) -> list[str]:
    """Delete copies of definitions of services that were removed; return those that are gone."""
    wanted = {folder for folder in copies(machine.paths.removed) if str(folder) in set(names)}
    for folder in wanted:
        shutil.rmtree(folder, ignore_errors=True)
    return [str(folder) for folder in wanted if not folder.exists()]
