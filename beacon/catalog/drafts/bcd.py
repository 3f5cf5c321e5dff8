"""Manifests of Bytesized Connect (bcd), which named options and no image."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from beacon.catalog.drafts.sketch import Draft, Sketch, Table, checked, one_line, port_number, port_option
from beacon.errors import DefinitionError, Fault
from beacon.formats.node import Node, Place
from beacon.formats.yaml import read_document

_KNOWN = {
    *("name", "rpc_name", "version", "description", "web_url_format"),
    *("exposed_methods", "method_options", "show_options"),
}
_OPTION = {"name", "default_value", "type", "hint", "allow_deletion"}
_METHODS = {"Install", "Reinstall", "Start", "Stop", "Restart", "Status", "Uninstall"}
_BOOKKEEPING = {"container_id", "no_templates", "run_as_user", "user", "delete_folders"}
"""Options of bcd's own, for which there is nothing here."""
_FOLDERS = {"data_folder": ("data", "/data"), "media_folder": ("media", "/media")}
_PORTS = {
    "cardigann": 5060, "couchpotato": 5050, "deluge": 8112, "headphones": 8181, "jackett": 9117,
    "murmur": 64738, "nzbget": 6789, "plex": 32400, "plexpy": 8181, "plexrequests": 3000, "portainer": 9000,
    "radarr": 7878, "resilio": 8888, "rocketchat": 3000, "rtorrent": 80, "sickrage": 8081, "sonarr": 8989,
    "subsonic": 4040, "syncthing": 8384, "vnc": 6080, "znc": 6868,
}  # fmt: skip
"""Where the page was in the container; only the code of each app said so."""
_SUCCESSORS = {
    "cardigann": "prowlarr", "couchpotato": "radarr", "deluge": "deluge", "headphones": "lidarr",
    "jackett": "jackett", "murmur": "mumble", "nzbget": "sabnzbd", "plex": "plex", "plexpy": "tautulli",
    "plexrequests": "seerr", "radarr": "radarr", "resilio": "resilio-sync", "rtorrent": "rtorrent",
    "sickrage": "sonarr", "sonarr": "sonarr", "subsonic": "navidrome", "syncthing": "syncthing",
    "vnc": "webtop", "znc": "znc",
}  # fmt: skip
"""What the catalog has in the place of each."""
_URL = re.compile(r"(https?)://##ip##(?::##web_port##)?(/[^\s#]*)?")
_USUAL = 8080


@dataclass(slots=True)
class _Faults:
    found: list[Fault] = field(default_factory=list)

    def fault(self, place: Place, key: str, problem: str) -> None:
        """Remember a fault."""
        self.found.append(Fault(str(place), key, problem))


def from_bcd(text: str, file: str, image: str = "") -> Draft:
    """Return the manifest that one of Bytesized Connect comes to; the app has *image*, if one is given.

    Raises DefinitionError with every fault of what is no such manifest.
    """
    log = _Faults()
    root = read_document(text, file, log)
    if root is not None and not (isinstance(root.value, dict) and _text(root, "name")):
        log.fault(root.place, "name", "must be given: this is no manifest of Bytesized Connect")
    if log.found or root is None:
        raise DefinitionError(log.found or [Fault(file, "", "is empty")])
    name = re.sub(r"[^a-z0-9]+", "-", _text(root, "name").lower()).strip("-")[:40].strip("-")
    name = name if name[:1].isalpha() else f"app-{name}"[:40].strip("-")
    old = _text(root, "rpc_name").removesuffix("RPC").lower() or re.sub(
        "[^a-z0-9]", "", _text(root, "name").lower()
    )
    sketch = Sketch(name)
    service: Table = {"image": image or f"docker.io/bytesized/{old}:1"}
    sketch.services["main"] = service
    _tell(sketch, root, old)
    if not image:
        sketch.note(
            "service.main.image: the manifest names none, only bcd's code did; name one that is maintained"
        )
    if old in _SUCCESSORS:
        sketch.note(f"the catalog has its counterpart of today: beacon app install {_SUCCESSORS[old]}")
    service["env"] = {
        "PUID": "{{ machine.uid }}",
        "PGID": "{{ machine.gid }}",
        "TZ": "{{ machine.timezone }}",
    }
    service["volume"] = [{"name": "config", "path": "/config"}]
    _page(sketch, root, old)
    for option in _options(sketch, root):
        _carry_over(sketch, service, option)
    _shown(sketch, root)
    checked(sketch, "main", service, [sketch.web["port"]] if sketch.web else [])
    return sketch.draft()


def _tell(sketch: Sketch, root: Node, old: str) -> None:
    for key in sorted(set(_keys(root)) - _KNOWN):
        sketch.note(f"{one_line(key)}: not known, and left out")
    sketch.app |= {"name": one_line(_text(root, "name")), "version": one_line(_text(root, "version")) or "1"}
    sketch.app["summary"] = (
        one_line(_text(root, "description")) or f"{sketch.app['name']}, of Bytesized Connect"
    )
    methods = {str(one.value) for one in _items(root, "exposed_methods")}
    for method in sorted(methods - _METHODS):
        sketch.note(f"exposed_methods: {one_line(method)} was code of {old}, and is left out")


def _page(sketch: Sketch, root: Node, old: str) -> None:
    """Take where its page is; what the port in the container was, only its code said."""
    url = _text(root, "web_url_format")
    if not url:
        return
    sketch.web = {"port": _PORTS.get(old, _USUAL)}
    if old not in _PORTS:
        sketch.note(f"web.port: the manifest does not say which port the container has; {_USUAL} is a guess")
    match = _URL.fullmatch(url)
    if match is None:
        sketch.note(
            f"web_url_format: {one_line(url)} is more than an address, and not carried over as a whole"
        )
        return
    sketch.web |= {"scheme": match[1]} if match[1] == "https" else {}
    sketch.web |= {"path": match[2]} if match[2] not in {None, "/"} else {}


def _options(sketch: Sketch, root: Node) -> Iterator[Node]:
    """Yield the options of the installation, and note those of other methods."""
    methods = root.get("method_options")
    for method in _keys(methods) if methods is not None else ():
        options = _items(methods, method) if methods is not None else []
        if method in {"Install", "Reinstall"}:
            seen = (
                {_text(one, "name") for one in _items(methods, "Install")}
                if method == "Reinstall" and methods
                else set()
            )
            yield from (one for one in options if _text(one, "name") not in seen)
        elif method not in _METHODS:
            sketch.note(f"method_options.{one_line(method)}: not known, and left out")


def _carry_over(sketch: Sketch, service: Table, option: Node) -> None:
    name, default = _text(option, "name"), _text(option, "default_value")
    kind = _text(option, "type") or "string"
    if not name:
        sketch.note("method_options: an option without a name is left out")
        return
    for key in sorted(set(_keys(option)) - _OPTION):
        sketch.note(f"method_options.{one_line(name)}.{one_line(key)}: not known, and left out")
    if kind not in {"string", "boolean"}:
        sketch.note(
            f"method_options.{one_line(name)}.type: {one_line(kind)} is not known; it is a string here"
        )
    if _text(option, "allow_deletion") == "true":
        sketch.note(
            f"{one_line(name)}: its folder was deleted with the app; beacon app remove --purge asks first"
        )
    label = one_line(_text(option, "hint"), 200) or one_line(name).replace("_", " ").capitalize()
    for pattern, take in _KINDS.items():
        if re.fullmatch(pattern, name):
            take(sketch, service, name, label, default)
            return
    _other(sketch, service, (name, label, default), kind)


def _password(sketch: Sketch, service: Table, name: str, label: str, default: str) -> None:
    if default:
        sketch.note(f"{name}: its default is left out; a secret is made")
    option = sketch.secret(name, label)
    service.setdefault("secret", []).append(
        {"name": f"{{{{ secret.{option} }}}}", "env": re.sub(r"[^A-Z0-9]", "_", name.upper())}
    )
    if name == "password":
        sketch.result["password"] = option


def _bookkeeping(sketch: Sketch, service: Table, name: str, label: str, default: str) -> None:
    del service, label, default
    if name in {"run_as_user", "user"}:
        sketch.note(f"{name}: left out; containers get PUID and PGID of the machine's first user")


def _web_port(sketch: Sketch, service: Table, name: str, label: str, default: str) -> None:
    del service, name, label
    number = port_number(default)
    if sketch.web and number is not None:
        sketch.web["host"] = number


def _port(sketch: Sketch, service: Table, name: str, label: str, default: str) -> None:
    number = port_number(default)
    if number is None:
        sketch.note(
            f"{name}: the manifest does not say which port of the container it is, and it is left out"
        )
        return
    service.setdefault("port", []).append(port_option(sketch, number, "tcp", number))
    del label


def _folder(sketch: Sketch, service: Table, name: str, label: str, default: str) -> None:
    del default
    if name == "config_folder":
        return  # a volume
    plain = re.sub(r"[^a-z0-9]+", "-", name.removesuffix("_folder").lower()).strip("-0123456789") or "folder"
    library, path = _FOLDERS.get(name, (plain, ""))
    option = sketch.option(name.removesuffix("_folder"), type="library", label=label, default=library)
    if not path:
        path = f"/{library}"
        sketch.note(f"{name}: the manifest does not say where the container has it; {path} is a guess")
    service["volume"].append({"host": f"{{{{ option.{option} }}}}", "path": path})


def _username(sketch: Sketch, service: Table, name: str, label: str, default: str) -> None:
    option = sketch.option(name, label=label, default=one_line(default, 400) or "admin")
    service["env"]["USERNAME"] = f"{{{{ option.{option} }}}}"
    sketch.result["login"] = f"{{{{ option.{option} }}}}"


def _other(sketch: Sketch, service: Table, said: tuple[str, str, str], kind: str) -> None:
    """Hand on an option as a variable, since its code alone knew what it was for."""
    name, label, default = said
    if kind == "boolean":
        option = sketch.option(name, type="boolean", label=label, default=default.lower() == "true")
    else:
        option = sketch.option(name, label=label, default=one_line(default, 400) or None)
    variable = re.sub(r"[^A-Z0-9]", "_", name.upper()).strip("_") or "OPTION"
    service["env"][variable] = f"{{{{ option.{option} }}}}" if kind != "boolean" else _truth(option)
    sketch.note(f"{one_line(name)}: only bcd's code knew what it does; the container has it as {variable}")


def _truth(option: str) -> str:
    return f"{{{{ 'true' if option.{option} else 'false' }}}}"


_KINDS: Mapping[str, Callable[[Sketch, Table, str, str, str], None]] = {
    "|".join(_BOOKKEEPING): _bookkeeping,
    "web_port": _web_port,
    ".*_port": _port,
    ".*password|.*_secret|api_key|plex_claim": _password,
    ".*_folder": _folder,
    "username": _username,
}
"""What becomes of options, by their names."""


def _shown(sketch: Sketch, root: Node) -> None:
    usual = {"web_port", "password", "username", *_BOOKKEEPING}
    for one in _items(root, "show_options"):
        name = str(one.value)
        found = sketch.options.get(name.removesuffix("_folder"))
        if found is not None and found.get("type") != "secret":
            found["show"] = True
        elif name not in usual:
            sketch.note(f"show_options: {one_line(name)} is not shown")


def _keys(node: Node) -> list[str]:
    return [str(key) for key in node.value] if isinstance(node.value, dict) else []


def _items(node: Node | None, key: str) -> list[Node]:
    found = None if node is None else node.get(key)
    return list(found.value) if found is not None and isinstance(found.value, list) else []


def _text(node: Node, key: str) -> str:
    found = node.get(key)
    if found is None or found.value is None or isinstance(found.value, dict | list):
        return ""
    return str(found.value).lower() if isinstance(found.value, bool) else str(found.value)
