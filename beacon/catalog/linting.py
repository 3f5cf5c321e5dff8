"""What is wrong with a manifest, and with the definitions that it becomes; and what is unwise in it."""

from __future__ import annotations

from collections.abc import Callable

from beacon.catalog.answers import answer
from beacon.catalog.expansion import Place, expand, surroundings
from beacon.catalog.manifest import options_of, read_manifest
from beacon.definition.decode import decode_all
from beacon.definition.tables.app import ManifestTable
from beacon.errors import DefinitionError, Fault, UsageError


def lint_manifest(text: str, file: str, place_for: Callable[[str], Place]) -> None:
    """Raise DefinitionError with every fault of a manifest and of what it comes to."""
    manifest = read_manifest(text, file=file)
    place = place_for(manifest.app.id)
    domain = {"domain": f"{manifest.app.id}.example.org"} if manifest.web is not None else {}
    faults: list[Fault] = []
    for given in ({}, domain):
        try:
            answered = answer(manifest, {**_needed(manifest), **given}, surroundings(place))
            made = expand(manifest, answered, place, {})
            decode_all({f"{name}.toml": one for name, one in made.definitions.items()})
        except DefinitionError as error:
            faults += error.faults
        except UsageError as error:
            faults.append(Fault(file, "option", error.message))
    faults += _unwise(manifest, file)
    if faults:
        raise DefinitionError(list(dict.fromkeys(faults)))


def _needed(manifest: ManifestTable) -> dict[str, str]:
    """Return something for each option that must be answered and takes any text."""
    return {
        one.name: one.choices[0] if one.choices else "example" for one in options_of(manifest) if one.required
    }


def _unwise(manifest: ManifestTable, file: str) -> list[Fault]:
    faults = []
    for name, table in manifest.service.items():
        image = str(table.get("image", ""))
        if image.endswith(":latest") or ":" not in image.rpartition("/")[2]:
            problem = "must name a version, so that all who install it get the same"
            faults.append(Fault(file, f"service.{name}.image", problem))
        if "health" not in table:
            faults.append(Fault(file, f"service.{name}.health", "must be there: an update is judged by it"))
    return faults
