"""Secrets and configs: files that a service is given, and not its folders."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from beacon.definition.grammar import strings, values
from beacon.formats.node import Node
from beacon.importing.compose import storage
from beacon.importing.compose.context import Context, is_external
from beacon.importing.draft import Draft
from beacon.importing.node import Item
from beacon.model.service import Secret


def secrets(item: Item, draft: Draft, context: Context) -> None:
    """Read ``secrets``: they become secrets, of the names that compose gives."""
    for entry, key, fields in _grants(item, context.project.secrets, context, "secret"):
        name = context.resource_name(context.project.secrets, key)
        target = (fields["target"].text() if "target" in fields else None) or key
        path = target if target.startswith("/") else f"/run/secrets/{target}"
        _secret(entry, draft, name, path, fields)
        node = context.project.secrets.get(key)
        if node is not None:
            _note_to_create(Item(node, ("secrets", key), item.log, item.service), name, "secret", context)


def configs(item: Item, draft: Draft, context: Context) -> None:
    """Read ``configs``: files are mounted; texts become secrets, which are mounted too."""
    for entry, key, fields in _grants(item, context.project.configs, context, "config"):
        node = context.project.configs[key]
        target = (fields["target"].text() if "target" in fields else None) or f"/{key}"
        path = target if target.startswith("/") else f"/{target}"
        file = node.get("file")
        if file is not None and isinstance(file.value, str):
            storage.add(entry, draft, context, source=file.value, path=path, words=["ro"])
            for name in ("uid", "gid", "mode"):
                if name in fields:
                    fields[name].drop("a mounted file keeps the owner and mode that it has on the host")
            whole = Item(node, ("configs", key), item.log, item.service)
            said = whole.fields()
            whole.require(said, "name", "file", "external", "labels", "template_driver")
            for name in {"labels", "template_driver"} & set(said):
                said[name].drop("the file is mounted as it is")
            continue
        name = context.resource_name(context.project.configs, key)
        _secret(entry, draft, name, path, fields)
        entry.change("Beacon has no configs; it is a secret, mounted at the same path")
        _note_to_create(Item(node, ("configs", key), item.log, item.service), name, "config", context)


def _grants(
    item: Item, known: Mapping[str, Node], context: Context, what: str
) -> list[tuple[Item, str, Mapping[str, Item]]]:
    """Return what the service is given: the entry, its source and the fields of the long form."""
    found: list[tuple[Item, str, Mapping[str, Item]]] = []
    for entry in item.each():
        fields = entry.fields() if isinstance(entry.value, dict) else {}
        entry.require(fields, "source", "target", "uid", "gid", "mode", "type")
        key = (fields["source"].text() if "source" in fields else None) if fields else entry.text()
        if key is None:
            entry.fault(f"must name a {what}: {{source: NAME}}")
        elif key not in known and not context.project.loose:
            entry.fault(
                f"must name a {what} of the file, not {key!r}{strings.did_you_mean(key, list(known))}"
            )
        else:
            found.append((entry, key, fields))
    return found


def _secret(item: Item, draft: Draft, name: str, path: str, fields: Mapping[str, Item]) -> None:
    numbers = {
        key: fields[key].integer() if key in fields and fields[key].value != "" else None
        for key in ("uid", "gid")
    }
    mode = _mode(fields["mode"]) if "mode" in fields else None
    if "type" in fields and fields["type"].text() == "env":
        draft.secrets.append(Secret(name=name, env=path.rpartition("/")[2]))
        return
    try:
        where = strings.mount_point(path)
        if mode is not None:
            mode = values.pattern("0?o?[0-7]{3,4}", "a mode such as 0440")(mode).replace("o", "")
    except ValueError as fault:
        item.fault(str(fault))
        return
    usual = where == f"/run/secrets/{name}"
    draft.secrets.append(
        Secret(name=name, path=None if usual else where, uid=numbers["uid"], gid=numbers["gid"], mode=mode)
    )


def _mode(item: Item) -> str | None:
    """Return a mode in octal, which a number of the file need not be written in."""
    number = item.value
    if isinstance(number, int) and not isinstance(number, bool):
        return f"{int(number):04o}"
    return item.text()


def _note_to_create(item: Item, name: str, what: str, context: Context) -> None:
    """Give the command that keeps the value."""
    fields = item.fields()
    item.require(
        fields,
        "name",
        "file",
        "environment",
        "content",
        "external",
        "driver",
        "driver_opts",
        "labels",
        "template_driver",
    )
    for key in ("driver", "driver_opts", "labels", "template_driver"):
        if key in fields:
            fields[key].drop("Beacon keeps the value alone")
    quoted = shlex.quote(name)
    if "file" in fields and (file := fields["file"].text()):
        item.todo("the secret must be set", f"beacon secret set {quoted} < {shlex.quote(file)}")
    elif "environment" in fields and (variable := fields["environment"].text()):
        command = f"{_printing(variable, context)} | beacon secret set {quoted}"
        item.todo(f"the secret must be set, to the variable {variable}", command)
    elif "content" in fields and (content := fields["content"].text()) is not None:
        command = f"printf %s {shlex.quote(content)} | beacon secret set {quoted}"
        item.todo("the secret must be set, to the text in the file", command)
    elif is_external(item.node):
        item.todo("the secret must be set", f"beacon secret set {quoted}")
    else:
        item.fault(f"must say what the {what} is: file, environment, content or external")


def _printing(variable: str, context: Context) -> str:
    """Return a command that prints a variable: of compose's file of variables, or else the shell's."""
    line = f"{variable}={context.project.variables.get(variable)}"
    for path in () if variable in context.source.environment else reversed(context.project.env_files):
        if re.match(r"\w+=", line) and line in (context.source.read(path) or "").splitlines():
            return f"sed -n 's/^{variable}=//p' {shlex.quote(path)} | tail -n 1 | tr -d '\\n'"
    return f'printf %s "${variable}"'
