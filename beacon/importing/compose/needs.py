"""Who needs whom."""

from __future__ import annotations

from beacon.definition.grammar import strings
from beacon.importing.compose.context import Context
from beacon.importing.draft import Draft
from beacon.importing.node import Item


def depends_on(item: Item, draft: Draft, context: Context) -> None:
    """Read ``depends_on``, with or without conditions."""
    if isinstance(item.value, list):
        for entry in item.each():
            _need(entry, entry.text() or "", draft, context)
        return
    for other, entry in item.fields().items():
        fields = entry.fields()
        entry.require(fields, "condition", "restart", "required")
        condition = (fields["condition"].text() if "condition" in fields else None) or "service_started"
        if "restart" in fields and fields["restart"].boolean():
            fields["restart"].drop("systemd starts it again only where both are restarted together")
        if "required" in fields and not fields["required"].boolean():
            if other not in context.project.services:
                entry.drop(f"{other} is not required, and not imported")
                continue
            fields["required"].change(f"{other} is imported, and is needed now")
        if condition == "service_completed_successfully":
            _require(entry, other, draft, context)
            continue
        if condition not in {"service_started", "service_healthy"}:
            fields["condition"].fault(
                "must be service_started, service_healthy or service_completed_successfully, "
                f"not {strings.shown(condition)}"
            )
            continue
        if condition == "service_started" and _has_health(context, other):
            entry.change(f"waits until {other} is healthy, as it has a health check")
        _need(entry, other, draft, context)


def _has_health(context: Context, other: str) -> bool:
    node = context.project.services.get(other)
    return node is not None and node.get("healthcheck") is not None


def _require(item: Item, other: str, draft: Draft, context: Context) -> None:
    """Have the end of a job waited for."""
    name = context.names.get(other)
    if name is not None:
        draft.requires.append(name)
    elif other in context.project.others:
        item.drop(f"{other} is not imported: run it by hand first")


def _need(item: Item, other: str, draft: Draft, context: Context) -> None:
    name = context.names.get(other)  # what is not there was noted when the project was loaded
    if name is not None:
        draft.needs.append(name)
    elif other in context.project.others:
        item.drop(f"{other} is not imported")


def service_name(item: Item, other: str, context: Context) -> str | None:
    """Return Beacon's name of another service of the project; a fault where it is not imported."""
    if other in context.project.services:
        return context.names.get(other)
    if other in context.project.others:
        item.fault(f"must name a service that is imported too, not {other!r}")
    else:
        item.fault(f"must name a service of the file, not {strings.shown(other)}")
    return None


def links(item: Item, draft: Draft, context: Context) -> None:
    """Read ``links``: an old way to say depends_on."""
    for entry in item.each():
        text = entry.text() or ""
        other, _, alias = text.partition(":")
        if context.project.loose:
            entry.drop(
                f"services find each other by name on a network: networks = [...] in both, and {other}"
            )
            continue
        if other in context.project.others:
            entry.drop(f"{other} is not imported")
            continue
        if service_name(entry, other, context) is None:
            continue
        _need(entry, other, draft, context)
        if alias and alias != other:
            entry.change(f"needs {other}, which has the name {alias} too on its networks, by [podman] args")
        else:
            entry.change(f"needs {other}, which it finds by name on their network")
