"""The real generator makes of random strings what they were. Collected only where there is a generator."""

from __future__ import annotations

import random
import re
from pathlib import Path

from beacon.model.image import Platform
from beacon.model.machine import Engine, EngineVersion, MachineFacts
from beacon.model.reference import Digest, ImageReference
from beacon.model.service import Health, Service, Volume
from beacon.units.check import generated_units
from beacon.units.render import ReleaseInput, render
from tests.golden.cases import TEMPLATES
from tests.golden.test_accepted import VERSION, generate
from tests.property.units.simulation import systemd

STRINGS = 50
HOSTILE = "\"'\\%$;#{}[]=:, \t\n\r\x01\x1b\x7fabnxs01é漢😀\u2028"


def hostile_strings() -> list[str]:
    choose = random.Random(4)  # the same ones every time  # noqa: S311
    return ["".join(choose.choices(HOSTILE, k=choose.randint(1, 15))) for _ in range(STRINGS)]


def service_with(texts: list[str]) -> Service:
    words = tuple(text for text in texts if text != ";")
    return Service(
        name="web",
        image=ImageReference.parse("registry.example/web:1"),
        env={f"V{index}": text for index, text in enumerate(texts)},
        labels={f"l{index}": text for index, text in enumerate(texts)},
        entrypoint=("/bin/x", *texts),
        command=words,
        tmpfs=tuple(texts),
        devices=tuple(texts),
        workdir=texts[0],
        volumes=tuple(
            Volume(path=f"/v{index}", host=f"/{text}")
            for index, text in enumerate(texts)
            if "\n" not in text and not re.search(r"[\x00-\x1f\x7f]", text)
        ),
        health=Health(command=("check", *texts)),
    )


def test_the_generator_gives_every_string_back(tmp_path: Path) -> None:
    texts = hostile_strings()
    service = service_with(texts)
    facts = MachineFacts(Engine.PODMAN, EngineVersion(5, 4, 2), 257, Platform("linux", "amd64"))
    assert facts.engine_version <= VERSION
    release = ReleaseInput(service=service, declared=service, digest=Digest("sha256:" + "0" * 64))
    for file in render(release, facts, TEMPLATES):
        (tmp_path / file.name).write_text(file.text, encoding="utf-8")
    done = generate(tmp_path)
    assert done.returncode == 0, done.stderr
    unit = generated_units(done.stdout)["beacon-web.service"]
    line = next(line for line in unit.split("\n") if line.startswith("ExecStart="))
    argv = systemd(line.removeprefix("ExecStart=").replace("--cidfile=%t/%N.cid ", ""))
    given = {value.removeprefix(f"{flag}=") for flag in ("--tmpfs", "--device") for value in argv}
    assert argv[-len(service.command or ()) :] == list(service.command or ())
    for index, text in enumerate(texts):
        assert f"V{index}={text}" in argv
        assert f"l{index}={text}" in argv
        assert text in given
