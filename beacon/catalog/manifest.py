"""Manifests: read as a whole, every fault at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from beacon.definition.schema import TomlSchema
from beacon.definition.tables.app import ManifestTable, OptionTable
from beacon.definition.tables.validation import validated
from beacon.errors import DefinitionError, Fault
from beacon.formats.expressions import names_in, names_in_text
from beacon.formats.tomltext import read_toml

IMPLIED = ("port", "domain")
"""Options that every app with a page has."""


def read_manifest(text: str, *, file: str) -> ManifestTable:
    """Return the manifest that *text* is. DefinitionError holds every fault, under *file*."""
    try:
        document = read_toml(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise DefinitionError([Fault(file, "", f"is not TOML: {error}")]) from None
    known = {key: value for key, value in document.items() if not key.startswith("x-")}
    manifest, problems = validated(ManifestTable, known)
    if manifest is None:
        raise DefinitionError(dict.fromkeys(Fault(file, *problem) for problem in problems))
    faults = [Fault(file, *problem) for problem in _problems(manifest)]
    if faults:
        raise DefinitionError(faults)
    return manifest


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of a manifest."""
    schema = ManifestTable.model_json_schema(schema_generator=TomlSchema)
    return {"$schema": TomlSchema.schema_dialect, **schema, "title": "beacon-app"}


def options_of(manifest: ManifestTable) -> list[OptionTable]:
    """Return all options, those that come with a page first."""
    web = manifest.web
    if web is None:
        return manifest.option
    said = {one.name for one in manifest.option}
    port = OptionTable(name="port", type="port", label="Port of the machine", default=web.host or web.port)
    domain = OptionTable(
        name="domain",
        type="domain",
        label="Domain",
        help="Instead of a port: reached by the proxy, with HTTPS.",
    )
    return [*(one for one in (port, domain) if one.name not in said), *manifest.option]


def _problems(manifest: ManifestTable) -> Iterator[tuple[str, str]]:
    if "main" not in manifest.service:
        yield "service", "must have a service main"
    yield from _option_problems(manifest)
    yield from _service_problems(manifest)
    names = {one.name for one in options_of(manifest)}
    for place, expression in _expressions(manifest):
        yield from _unknown(place, names_in(expression), names)
    for place, text in _texts(manifest):
        yield from _unknown(place, names_in_text(text), names)
    secrets = {one.name for one in manifest.option if one.type == "secret"}
    if manifest.result.password is not None and manifest.result.password not in secrets:
        yield "result.password", "must be the name of an option that is a secret"
    last = manifest.app.revision
    late = [f"upgrade[{index}].revision" for index, one in enumerate(manifest.upgrade) if one.revision > last]
    yield from ((place, f"must be at most {last}, the manifest's own") for place in late)


def _option_problems(manifest: ManifestTable) -> Iterator[tuple[str, str]]:
    names = [one.name for one in options_of(manifest)]
    for index, option in enumerate(manifest.option):
        place = f"option[{index}]"
        if names.count(option.name) > 1:
            yield f"{place}.name", f"must be given once, and {option.name} is twice"
        earlier = set(IMPLIED) | {one.name for one in manifest.option[:index]}
        yield from _unknown(f"{place}.when", names_in(option.when), earlier)
    for key, ids in (
        ("action", [one.id for one in manifest.action]),
        ("after_install", [one.id for one in manifest.after_install]),
    ):
        twice = [(index, one) for index, one in enumerate(ids) if one in ids[:index]]
        yield from ((f"{key}[{index}].id", f"must be given once, and {one} is twice") for index, one in twice)


def _service_problems(manifest: ManifestTable) -> Iterator[tuple[str, str]]:
    """Yield where a service is named that there is not."""
    named = {f"file[{index}].service": one.service for index, one in enumerate(manifest.file)}
    named |= {f"action[{index}].service": one.service for index, one in enumerate(manifest.action)}
    named |= {
        f"after_install[{index}].service": one.service for index, one in enumerate(manifest.after_install)
    }
    if manifest.web is not None:
        named["web.service"] = manifest.web.service
    for index, step in enumerate(manifest.after_install):
        if step.http is not None and manifest.web is None:
            yield f"after_install[{index}].http", "needs [web]: there is no page to ask"
    for place, service in named.items():
        if service not in manifest.service:
            yield place, f"there is no service {service!r}"


def _expressions(manifest: ManifestTable) -> Iterator[tuple[str, str]]:
    """Yield the expressions that may name any option, each with its place."""
    yield from ((f"file[{index}].when", one.when) for index, one in enumerate(manifest.file))
    yield from ((f"action[{index}].when", one.when) for index, one in enumerate(manifest.action))
    yield from (
        (f"after_install[{index}].when", one.when) for index, one in enumerate(manifest.after_install)
    )


def _texts(manifest: ManifestTable) -> Iterator[tuple[str, str]]:
    """Yield the templates, each with its place."""
    yield "result.text", manifest.result.text
    yield "result.login", manifest.result.login
    yield from ((f"file[{index}].content", file.content) for index, file in enumerate(manifest.file))
    for index, action in enumerate(manifest.action):
        yield from _strings(action.command, f"action[{index}].command")
    for index, step in enumerate(manifest.after_install):
        place = f"after_install[{index}]"
        yield from _strings(step.command or [], f"{place}.command")
        if step.http is not None:
            yield from _strings(step.http.body, f"{place}.http.body")
            yield from _strings(step.http.json_, f"{place}.http.json")
    yield from _strings(manifest.service, "service")


def _unknown(place: str, names: frozenset[str] | str, known: set[str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an expression: *names* is what is wrong, or the options that it names."""
    if isinstance(names, str):
        yield place, names
    else:
        yield from ((place, f"there is no option {name!r} before it") for name in sorted(names - known))


def _strings(value: object, *path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield ".".join(path), value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(inner, *path, str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _strings(inner, f"{'.'.join(path)}[{index}]")
