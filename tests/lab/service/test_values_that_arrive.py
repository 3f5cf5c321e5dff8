"""What a definition says of environment, labels and arguments arrives in the container as it stands."""

from __future__ import annotations

import base64
import json
import random

import pytest

from tests.lab.stage import REGISTRY, SETTLE, Stage

pytestmark = pytest.mark.every_kind

AROUND = [chr(code) for code in (*range(1, 33), 127, 0x85, 0xA0, 0x2028, 0xFEFF)]
AROUND += ["\r\n", "\n\r", "\r\r\n", *"\"'`\\$%#;=,:@|&!", "\\\\", "$$", "%%", "{{.}}"]
WHOLE = [
    "",
    " ",
    "\n",
    "é",
    "日本語",
    "😀",
    "$HOME",
    "${HOME}",
    "$(id)",
    "%h",
    "\\n",
    "\\x41",
    "--",
    "-x",
    "a=b=c",
]
ALPHABET = "ab \t\r\n\"'`\\$%#;=,:{}é\x01\x7f"
KEEP = "while :; do sleep 1; done"


def values() -> list[str]:
    """Return each odd character at the beginning, in the middle and at the end, and mixtures of them."""
    chance = random.Random(1)  # noqa: S311  # the same with each run
    mixed = ["".join(chance.choices(ALPHABET, k=chance.randint(2, 12))) for _ in range(150)]
    return [*WHOLE, *(form.format(one) for one in AROUND for form in ("{}a", "a{}b", "a{}")), *mixed]


def toml(value: str) -> str:
    """Return a string of TOML, which escapes are those of JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def definition(name: str, env: dict[str, str], labels: dict[str, str], arguments: list[str]) -> str:
    """Return the text of a service whose shell gets *arguments*, and keeps running."""
    command = ", ".join(map(toml, ["sh", "-c", KEEP, "x", *arguments]))
    tables = [
        ("env", env),
        ("labels", labels),
        ("stop", {"signal": "SIGKILL"}),
        ("update", {"settle": SETTLE}),
    ]
    return "\n".join(
        [
            f'image = "{REGISTRY}/me/{name}:latest"',
            "init = false",
            "entrypoint = []",
            f"command = [{command}]",
            *(
                line
                for table, keys in tables
                for line in (f"[{table}]", *(f'"{key}" = {toml(value)}' for key, value in keys.items()))
            ),
        ]
    )


def seen(stage: Stage, name: str, what: str) -> list[str]:
    """Return what /proc has of the first process of a container: ``environ`` or ``cmdline``."""
    pid = stage.running(name)["State"]["Pid"]
    # Encoded, since text that comes from a host has its line ends made alike.
    said = stage.host.run("base64", "--wrap=0", f"/proc/{pid}/{what}").stdout
    return base64.b64decode(said).decode().split("\0")[:-1]


def test_values_arrive_as_they_stand(stage: Stage) -> None:
    odd = {f"V{number}": value for number, value in enumerate(values())}
    labels = {f"t.{key}": value for key, value in odd.items()}
    arguments = list(odd.values())
    for name, mode in (("open", 0o644), ("private", 0o600)):
        stage.push(name)
        whole = (odd, labels, arguments) if name == "open" else (odd, {}, [])
        stage.write(stage.definition(name), definition(name, *whole), mode)
    assert stage.apply() == {"open": "installed", "private": "installed"}
    for name in ("open", "private"):
        arrived = dict(one.split("=", 1) for one in seen(stage, name, "environ"))
        assert {key: arrived.get(key) for key in odd} == odd
    assert seen(stage, "open", "cmdline")[4:] == arguments
    arrived = stage.running("open")["Config"]["Labels"]
    assert {key: arrived.get(key) for key in labels} == labels
