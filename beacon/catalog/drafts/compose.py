"""A manifest of several services, made of the definitions that a compose file comes to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from beacon.catalog.drafts.sketch import (
    SECRET,
    Draft,
    Sketch,
    Table,
    checked,
    literal,
    one_line,
    port_option,
    surrounding,
)
from beacon.definition.grammar.values import ENGINE_NETWORKS
from beacon.definition.tables.answers import KINDS

_MODES = {"host", "none", *ENGINE_NETWORKS}
_SHARED = re.compile(
    r"media|downloads?|torrents?|music|movies|films|tv|series|shows|photos|pictures|videos|books|audiobooks|podcasts|comics"
    r"|documents|files"
)
"""Folders that several apps are meant to see."""
_HOSTS = re.compile(r"HOST|SERVER|URL|URI|ADDR|ENDPOINT|BROKER|REDIS|SERVICE")
_SHORTEST = 4
"""Of what is looked for within other values; what is shorter may be there by chance."""


@dataclass(slots=True)
class _App:
    """What the services of one app have in common."""

    sketch: Sketch
    names: Mapping[str, str]
    """Definition → service of the manifest."""
    networks: Mapping[str, str]
    volumes: Counter[str]
    """How many services have each of the engine's volumes."""
    folders: dict[str, str] = field(default_factory=dict)
    """What is mounted → the option for it."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Value → the option that is instead of it."""


def from_compose(name: str, tables: Mapping[str, Table], notes: Iterable[str] = ()) -> Draft:
    """Return a manifest for the app *name*, of the definitions *tables* by their names."""
    sketch = Sketch(name, notes=list(notes))
    app = _App(sketch, _names(tables), _networks(tables), _volumes(tables))
    for table in tables.values():
        _find_secrets(app, table.get("env", {}))
    for old in sorted(tables, key=lambda one: app.names[one] != "main"):
        sketch.services[app.names[old]] = _service(app, app.names[old], tables[old])
    main = str(sketch.services["main"].get("image", ""))
    tag = main.rpartition("/")[2].partition("@")[0].partition(":")[2]
    sketch.app["version"] = tag if tag not in {"", "latest"} else "1"
    sketch.app["summary"] = one_line(f"{name}, made of a compose file of {len(tables)} services")
    return sketch.draft()


def _names(tables: Mapping[str, Table]) -> dict[str, str]:
    """Return what each service is called in the manifest; the one that people open is ``main``."""
    needed = {one for table in tables.values() for key in ("needs", "requires") for one in table.get(key, ())}
    main = min(
        tables, key=lambda name: (not tables[name].get("port"), name in needed, list(tables).index(name))
    )
    chosen = {main: "main"}
    for name in tables:
        if name != main:  # a dash in a template would be a minus
            plain = re.sub(r"[^a-z0-9]", "", name.lower()).lstrip("0123456789")[:36] or "service"
            others = (plain, *(f"{plain}{number}" for number in range(2, 999)))
            chosen[name] = next(one for one in others if one not in chosen.values())
    return chosen


def _networks(tables: Mapping[str, Table]) -> dict[str, str]:
    """Return what each network is called; each installation of the app has its own."""
    found = list(dict.fromkeys(one for table in tables.values() for one in table.get("networks", ())))
    own = [one for one in found if one not in _MODES and ":" not in one]
    if len(own) == 1:
        return {own[0]: "{{ instance }}"}
    return {one: f"{{{{ instance }}}}-{one}" for one in own}


def _volumes(tables: Mapping[str, Table]) -> Counter[str]:
    return Counter(
        volume["external"]
        for table in tables.values()
        for volume in table.get("volume", ())
        if volume.get("external")
    )


def _find_secrets(app: _App, env: Mapping[str, Any]) -> None:
    """Make an option of each password that is written there; the same one is one everywhere."""
    for variable, value in env.items():
        if _is_secret(variable, value) and value not in app.secrets:
            app.secrets[value] = app.sketch.secret(variable, variable.replace("_", " ").capitalize())


def _is_secret(variable: str, value: object) -> bool:
    return bool(
        isinstance(value, str)
        and value
        and SECRET.search(variable)
        and not variable.endswith("_FILE")
        and not value.startswith("/")
    )


def _service(app: _App, name: str, old: Table) -> Table:
    made: Table = {}
    for key, value in old.items():
        match key:
            case "env":
                _set(app, name, value, made)
            case "port":
                _publish(app, name, value, made)
            case "volume":
                made["volume"] = [_volume(app, name, one) for one in value]
            case "networks":
                made[key] = [app.networks.get(one, one) for one in value]
            case "needs" | "requires":
                made[key] = [_needed(app, name, one) for one in value]
            case "network":
                app.sketch.note(f"service.{name}.network: what it says of networks is left out")
            case _:
                if key in {"env_file", "env_files", "podman", "docker", "hooks"}:
                    app.sketch.note(f"service.{name}.{key}: carried over as it is; look at it")
                made[key] = literal(value)
    ports = [one["container"] for one in old.get("port", ()) if one.get("protocol", "tcp") == "tcp"]
    checked(app.sketch, name, made, [one for one in ports if isinstance(one, int)])
    return made


def _needed(app: _App, name: str, other: str) -> str:
    if other not in app.names:
        app.sketch.note(f"service.{name}.needs: {other} is none of its services")
        return other
    return f"{{{{ service.{app.names[other]} }}}}"


def _set(app: _App, name: str, env: Mapping[str, Any], made: Table) -> None:
    kept: Table = {}
    for variable, value in env.items():
        text = value if isinstance(value, str) else ""
        long = {value: option for value, option in app.secrets.items() if len(value) >= _SHORTEST}
        inside = next((option for secret, option in long.items() if secret in text), None)
        if _is_secret(variable, value):
            named = f"{{{{ secret.{app.secrets[value]} }}}}"
            made.setdefault("secret", []).append({"name": named, "env": variable})
        elif inside is not None:
            app.sketch.note(
                f"service.{name}.env.{variable}: left out, since its password is now the secret {inside}; "
                "its parts may have variables of their own, or make a secret of all of it"
            )
        elif surrounding(variable) is not None:
            kept[variable] = surrounding(variable)
        else:
            kept[variable] = _with_hosts(app, variable, value)
    if kept:
        made["env"] = kept


def _with_hosts(app: _App, variable: str, value: Any) -> Any:  # noqa: ANN401 -- TOML of any form
    """Return *value* with the names that other services of the app have on their network."""
    found = literal(value)
    for old, new in app.names.items() if isinstance(found, str) else ():
        alone = rf"^{re.escape(old)}$|" if _HOSTS.search(variable) else ""
        inside = rf"{alone}(?:(?<=//)|(?<=@)){re.escape(old)}(?=[:/,]|$)|^{re.escape(old)}(?=:[0-9]+)"
        found = re.sub(inside, f"{{{{ service.{new} }}}}", found)
    return found


def _publish(app: _App, name: str, ports: Iterable[Table], made: Table) -> None:
    """Take the first port of the main service for that of its page, and make options of the others."""
    kept = []
    for port in ports:
        host, container, protocol = port.get("host"), port.get("container"), port.get("protocol", "tcp")
        address, _, number = str(host or "").rpartition(":")
        if not isinstance(container, int) or not number.isdecimal():
            app.sketch.note(f"service.{name}.port: {host} to {container} is no single port, and is no option")
            kept.append(literal(port))
        elif name == "main" and protocol == "tcp" and not app.sketch.web:
            app.sketch.web = {
                "port": container,
                **({"host": int(number)} if int(number) != container else {}),
            }
            if address:
                app.sketch.note(f"web: it was published at {address} alone")
        else:
            option = port_option(app.sketch, container, protocol, int(number))
            kept.append({**option, "host": f"{address}:{option['host']}"} if address else option)
    if kept:
        made["port"] = kept


def _volume(app: _App, name: str, volume: Table) -> Table:
    rest = {key: literal(value) for key, value in volume.items() if key not in {"external", "host"}}
    external, host = volume.get("external"), volume.get("host")
    if external and app.volumes[external] == 1:
        return {"name": _plain(external), **rest}
    if external:
        return {"host": _folder(app, external, "library", f"{app.sketch.name}-{_plain(external)}"), **rest}
    if not host:
        return rest
    last = str(host).rstrip("/").rpartition("/")[2].lower()
    if _SHARED.fullmatch(last):
        app.sketch.note(f"service.{name}.volume: {host} is a library now; your own folder is an answer to it")
        return {"host": _folder(app, host, "library", last), **rest}
    try:
        KINDS["path"](host)
    except ValueError:
        app.sketch.note(f"service.{name}.volume: {host} is of the system, and stays as it is")
        return {"host": literal(host), **rest}
    app.sketch.note(f"service.{name}.volume: {host} is of this machine, and the default of an option")
    return {"host": _folder(app, host, "path", host), **rest}


def _folder(app: _App, mounted: str, kind: str, default: str) -> str:
    """Return the option for what is mounted, which is the same for all services."""
    if mounted not in app.folders:
        word = default.rstrip("/").rpartition("/")[2] if kind == "path" else default
        app.folders[mounted] = app.sketch.option(word, type=kind, label=f"Where {word} is", default=default)
    return f"{{{{ option.{app.folders[mounted]} }}}}"


def _plain(external: str) -> str:
    """Return a volume's name without that of its project."""
    return (
        re.sub(r"[^a-z0-9]+", "-", external.partition("_")[2].lower() or external.lower()).strip("-")
        or "data"
    )
