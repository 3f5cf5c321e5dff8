"""What the same answers look like at a terminal."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import typer
from msgspec import Struct
from typer.main import get_command

from beacon import streams
from beacon.cli.app import register
from beacon.operations.machine import Machine
from tests.fakes.terminal import session_with
from tests.golden.answers.cases import accounted, added, bare, held, remembering, staged, with_container


class Call(Struct, frozen=True):
    """A verb that is typed on a machine, and the status that it ends with."""

    module: str
    words: str
    make: Callable[[Path], Machine] = staged
    status: int = 0


CALLS: Mapping[str, Call] = {
    "status": Call("services.status", "status"),
    "status_one": Call("services.status", "status web", status=3),
    "status_none": Call("services.status", "status", bare),
    "stats": Call("services.stats", "stats", accounted),
    "history": Call("services.history", "history web"),
    "show": Call("definitions.show", "show web"),
    "show_effective": Call("definitions.show", "show web --effective", added),
    "render": Call("definitions.render", "render", added),
    "plan": Call("definitions.plan", "plan", added),
    "apply": Call("definitions.apply", "apply", added),
    "add": Call("definitions.add", "add web registry.example/me/web:latest", bare),
    "rm": Call("definitions.rm", "rm web", added),
    "import": Call(
        "definitions.importing",
        "import --run 'docker run --name web --link db registry.example/me/web'",
        bare,
    ),
    "import_dry": Call("definitions.importing", "import --container old --dry-run", with_container),
    "adopt": Call("definitions.importing", "import --container old --adopt", with_container),
    "adopt_volumes": Call("definitions.volumes", "adopt-volumes", added),
    "hold": Call("services.hold", "hold web --reason holidays", added),
    "check": Call("services.updates", "update --check", held),
    "approve": Call("services.hold", "approve web"),
    "reject": Call("services.hold", "reject web"),
    "endpoint_list": Call("endpoint.list", "list"),
    "endpoint_none": Call("endpoint.list", "list", remembering),
    "endpoint_open": Call("endpoint.open", "open web.example.org"),
}


def expected(name: str) -> Path:
    """Return the file with what the terminal shows."""
    return Path(__file__).parent / "faces" / f"{name}.txt"


@pytest.mark.parametrize("name", CALLS)
def test_call(
    name: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):  # nobody is there to see it
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    call = CALLS[name]
    app = typer.Typer()
    app.callback()(lambda: None)
    verb, *words = shlex.split(call.words)
    register(app, call.module, [verb])
    session = session_with(call.make(tmp_path))
    status = get_command(app).main([verb, *words], "beacon", standalone_mode=False, obj=session)
    streams.flush()
    said = capsys.readouterr()
    text = f"{said.out}--- stderr ---\n{said.err}".replace(str(tmp_path), "/machine")
    if request.config.getoption("--update-golden", default=False):
        expected(name).parent.mkdir(exist_ok=True)
        expected(name).write_text(text, encoding="utf-8")
    assert (status or 0, text) == (call.status, expected(name).read_text(encoding="utf-8"))


def test_there_is_a_call_for_every_file() -> None:
    assert {path.stem for path in expected("plan").parent.iterdir()} == set(CALLS)
