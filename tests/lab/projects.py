"""Compose files of any kind that docker compose takes: with variables, overrides, and files beside them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.lab.oracle import Files


class Plain(str):
    """A word that stands in a file without quotes."""

    __slots__ = ()


NAMES = ["web", "db", "my_app", "queue.1"]
NETWORKS = ["front", "back_end"]
VOLUMES = ["data", "cache_files"]
PIECES = [
    "a", "b c", "$$", "$", "${SET}", "$SET", "${UNSET:-x}", "${SET:+y}", "${EMPTY-z}", "${EMPTY:-z}", "%",
    "#", "'", "\\", "=", ":", "/", "${UNSET:-${SET}}", "${UNSET:-}", ".", "-", "é", "{", "}", '"',
]  # fmt: skip
PLAIN = [
    "yes",
    "no",
    "010",
    "0x1F",
    "1.50",
    "1e3",
    "1_000",
    "true",
    "12345678",
    "-3",
    "0.00001",
    "1.2.3",
    "off",
]
"""Words that YAML may take for something else than text."""
WORDS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
VALUES = WORDS | st.sampled_from(PLAIN).map(Plain)
ENV_LINES = [
    "A=b", "SET=over", "QUOTED='si $A ng'", 'DOUBLE="x $SET \\n \\$A \\" y" # more', "HASH=#fff",
    "COMMENT=a #b", "NEAR=a#b", "2FA=x", " SPACED = y z ", "COLON: w", "export EXPORTED=1", "EMPTY=",
    "# nothing", "", "SET", "DOLLAR=a$$b $ c$", "CHAIN=${A:-q}${SET}", "NAME.with-signs=v", "MANY='one\ntwo'",
]  # fmt: skip


def written(value: Any) -> str:  # noqa: ANN401 (a value of YAML)
    """Return a value as YAML, in the flow style."""
    match value:
        case Plain():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)}: {written(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(written(one) for one in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _some(values: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=most)


def _one_of(*values: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 (values of YAML)
    return st.sampled_from(values)


_ENV_NAMES = st.sampled_from(["A", "B_C", "d", "2FA", "SET", "x.y"])
_ENVIRONMENT = st.dictionaries(_ENV_NAMES, VALUES | st.none(), min_size=1, max_size=4) | _some(
    st.tuples(_ENV_NAMES, WORDS).map("=".join) | _ENV_NAMES
)
_PORTS = _one_of(
    "80", "8080:80", "127.0.0.1:81:80", "127.0.0.1::80", "3000-3002:4000-4002", "53:53/UDP", ":85",
    "[::1]:90:91", Plain("8000"), {"target": 80, "published": "9000", "protocol": "udp"}, "${UNSET:-7000}:70",
    {"target": 81, "host_ip": "127.0.0.1", "published": "9001", "mode": "host"},
)  # fmt: skip
_VOLUMES = _one_of(
    "./data:/data", "data:/var/lib:ro", "cache_files:/cache:rw", "/srv/${SET}:/srv", "../up:/up",
    "~/home:/home/me", "/anonymous", "./a/../b:/b:ro",
    {"type": "bind", "source": "./long", "target": "/long", "read_only": True},
    {"type": "volume", "source": "data", "target": "/long"}, "./other:/data",
    "/var/run/docker.sock:/var/run/docker.sock",
    {"type": "tmpfs", "target": "/memory", "tmpfs": {"size": 1048576}},
)  # fmt: skip
_KEYS: dict[str, st.SearchStrategy[Any]] = {
    "command": _some(VALUES.filter(lambda word: not isinstance(word, Plain)))
    | _one_of('run --fast \'a b\' "c\\"d" e\\ f', "serve > /dev/null 2>&1", "a && b", "", [], None, "x; y"),
    "entrypoint": _one_of(["a", "b"], "sh -c 'x $$y'", [], "", None),
    "environment": _ENVIRONMENT,
    "env_file": _one_of("some.env", ["some.env", "more.env"], [{"path": "more.env", "required": True}]),
    "ports": _some(_PORTS),
    "volumes": _some(_VOLUMES),
    "tmpfs": _one_of("/run", ["/run", "/cache:size=64m", "/run"], "/own:uid=1000,mode=700"),
    "labels": st.dictionaries(_one_of("a", "b.c", "traefik.enable"), VALUES, max_size=3)
    | _one_of(["a=b", "c"]),
    "networks": _one_of(
        ["front"], ["front", "back_end"], {"front": None, "back_end": {"aliases": ["other"]}}
    ),
    "network_mode": _one_of("host", "none", "bridge", ""),
    "depends_on": _one_of(
        ["db"], {"db": {"condition": "service_healthy"}}, {"db": {"condition": "service_started"}}
    ),
    "user": _one_of("1000:1000", "me", "${EMPTY}", "${SET}"),
    "working_dir": _one_of("/app", "${UNSET:-/x}", "${EMPTY}"),
    "hostname": _one_of("a", "app_db", "localhost:8080", "${EMPTY}"),
    "restart": _one_of("no", "always", "unless-stopped", "on-failure:3", "${EMPTY}"),
    "healthcheck": _one_of(
        {"test": "curl -f $$HOST || exit 1", "interval": "1m30s", "retries": 3},
        {"test": ["CMD", "a", "b"], "timeout": "5s", "start_period": "2s"},
        {"disable": True},
        {"test": ["NONE"]},
        {"interval": "10s"},
    ),
    "extra_hosts": _one_of(
        ["a:1.2.3.4", "b=::1"], {"c": "10.0.0.1"}, ["a:1.2.3.4", "a:5.6.7.8"], ["h:host-gateway"]
    ),
    "dns": _one_of("1.1.1.1", ["1.1.1.1", "9.9.9.9"]),
    "cap_add": _one_of(["NET_ADMIN"], ["SYS_TIME", "NET_ADMIN"]),
    "cap_drop": _one_of(["ALL"]),
    "devices": _one_of(["/dev/null:/dev/x:r"], ["/dev/zero"]),
    "ulimits": _one_of({"nofile": 1024}, {"nofile": {"soft": 1, "hard": 2}, "core": 0}),
    "sysctls": _one_of({"net.core.somaxconn": 1024}, ["a.b=1"]),
    "mem_limit": _one_of("512m", "1g", 1048576),
    "shm_size": _one_of("64m", 1048576),
    "init": st.booleans(),
    "read_only": st.just(value=True),
    "stop_signal": _one_of("SIGINT", "${EMPTY}"),
    "stop_grace_period": _one_of("1m30s", "5s", "1h"),
    "security_opt": _one_of(["no-new-privileges:true"], ["seccomp:./x.json"], ["seccomp=unconfined"]),
    "pid": _one_of("host"),
    "platform": _one_of("linux/amd64", "arm64", "${EMPTY}"),
    "logging": _one_of({"driver": "json-file", "options": {"max-size": "10m"}}),
    "secrets": _one_of(["token"], [{"source": "token", "target": "/x", "mode": Plain("0440")}]),
    "configs": _one_of(["conf"], [{"source": "conf", "target": "/etc/conf"}]),
    "deploy": _one_of(
        {"resources": {"limits": {"cpus": "0.5", "memory": "50M"}}},
        {"restart_policy": {"condition": "on-failure"}},
        {"restart_policy": {"condition": "always"}},
    ),
    "profiles": _one_of(["more"], ["more", "less"]),
    "extends": _one_of(
        {"service": "base", "file": "base.yaml"}, {"service": "base", "file": "sub/base.yaml"}
    ),
}
_TOP: dict[str, st.SearchStrategy[Any]] = {
    "networks": _one_of(
        {"front": None, "back_end": {"internal": True}},
        {"front": {"name": "my_front"}, "back_end": {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}},
        {"front": {"external": True}, "back_end": {"external": {"name": "older_one"}}},
        {"front": {"external": True, "name": "host"}},
    ),
    "volumes": _one_of(
        {"data": None, "cache_files": {"name": "kept"}},
        {"data": {"external": True}, "cache_files": {"external": {"name": "legacy"}}},
        {"data": {"driver_opts": {"type": "none", "o": "bind", "device": "/srv/data"}}, "cache_files": {}},
    ),
}
FIXED: dict[str, Any] = {
    "secrets": {"token": {"file": "./token"}},
    "configs": {"conf": {"file": "./conf"}},
    "x-more": {"any": "$(nothing)"},
}
BASE = """\
services:
  base: {image: base, environment: {BASE: "1", A: base}, volumes: ["./mine:/mine"], env_file: own.env}
"""


@st.composite
def services(draw: st.DrawFn, most: int = 5) -> dict[str, Any]:
    """Return the keys of a service."""
    keys = draw(st.lists(st.sampled_from(sorted(_KEYS)), max_size=most, unique=True))
    if "networks" in keys and "network_mode" in keys:
        keys.remove("networks")
    return {key: draw(_KEYS[key]) for key in keys}


@st.composite
def projects(draw: st.DrawFn, folder: str) -> Files:
    """Return a project of one to three services, often with an override, which lies in *folder*."""
    named = {"db", *draw(st.lists(st.sampled_from(NAMES), max_size=2))}
    top = {key: draw(values) for key, values in _TOP.items()}
    made = {name: {"image": f"me/{name}:1", **draw(services())} for name in sorted(named)}
    for key in ("depends_on", "profiles"):  # nothing is there without it, and it needs none but itself
        made["db"].pop(key, None)
    texts = {
        "compose.yaml": _document({"services": made, **top, **FIXED}),
        ".env": "SET=set\nEMPTY=\n" + "".join(f"{line}\n" for line in draw(_some(_one_of(*ENV_LINES), 6))),
        "some.env": "".join(f"{line}\n" for line in draw(_some(_one_of(*ENV_LINES), 6))),
        "more.env": "MORE=1\nA=more\n",
        "base.yaml": BASE,
        "own.env": "OWN=1\n",
        "sub/base.yaml": BASE,
        "sub/own.env": "OWN=2\n",
    }
    if not draw(st.booleans()):
        return Files(folder, texts)
    over = {name: draw(services(3)) for name in sorted(named)}
    for one in over.values():
        for key in ("depends_on", "profiles", "network_mode", "networks", "extends"):
            one.pop(key, None)
    place = draw(_one_of("over.yaml", "sub/over.yaml"))
    texts[place] = _document({"services": over})
    return Files(folder, texts, ("compose.yaml", place), ("more",) if draw(st.booleans()) else ())


def _document(parts: dict[str, Any]) -> str:
    lines = []
    for part, named in parts.items():
        lines += [f"{part}:", *(f"  {json.dumps(name)}: {written(value)}" for name, value in named.items())]
    return "\n".join(lines) + "\n"
