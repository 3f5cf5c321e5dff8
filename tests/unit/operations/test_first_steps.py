"""What is done once when an app is up for the first time: commands, and requests to its page."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from beacon.model.rollout.apps import FirstSteps
from beacon.operations.apps import records
from beacon.operations.apps.installing import (
    ChangeRequest,
    InstallRequest,
    RemoveAppRequest,
    change,
    install,
    remove_app,
)
from beacon.operations.listener import Note
from beacon.wire.apps import AppChanged
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.secrets import FakeSecrets
from tests.fakes.stage import push

SHOP = """schema = "beacon-app/1"
[app]
id = "shop"
name = "Shop"
version = "1"
summary = "Sells things"
license = "MIT"
[web]
port = 8080
[[option]]
name = "password"
type = "secret"
label = "Password"
[[option]]
name = "greeting"
label = "Greeting"
default = "good day"
[service.main]
image = "registry.example/me/web:latest"
secret = [{ name = "{{ secret.password }}", env = "PASSWORD" }]
"""
COMMAND = """[[after_install]]
id = "greet"
label = "Greet everybody"
command = ["greet", "{{ option.greeting }}"]
[[after_install]]
id = "never"
label = "Never"
command = ["never"]
when = "option.greeting == 'HEY'"
"""
REQUEST = """[[after_install]]
id = "first-user"
label = "Make the first user"
timeout = "10s"
http = { path = "/api/users", json = { name = "admin", password = "{{ secret.password }}", rights = 7 } }
"""


class Runner(FakeMachine):
    """A machine whose containers note what is run in them, and may fail."""

    notes = Path()
    failing = 0

    def entering(
        self, service: str, command: Sequence[str], *, terminal: bool, user: str = ""
    ) -> tuple[str, ...]:
        del terminal, user
        self.failing -= 1
        script = 'echo "$*" >> "$0"' if self.failing < 0 else 'echo "no: $*" >&2; exit 3'
        return ("sh", "-c", script, str(self.notes), service, *command)


class Page(BaseHTTPRequestHandler):
    """A page that notes what it is sent."""

    heard: list[tuple[str, str, object]]
    status = 201

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[tuple[type[Page], int]]:
    """Return a page, and the port at which it answers."""
    kind = type("Heard", (Page,), {"heard": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kind, server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def fake(tmp_path: Path) -> Runner:
    machine = Runner()
    machine.notes = tmp_path / "notes"
    return machine


@pytest.fixture
def here(tmp_path: Path, fake: Runner) -> StagedMachine:
    staged = StagedMachine(fake, tmp_path, push(fake, "1"))
    staged.paths.definitions.mkdir(parents=True)
    staged.keep_secrets()
    return staged


def installed(here: StagedMachine, steps: str, port: int = 18080) -> AppChanged:
    path = here.paths.config / "catalog" / "shop.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SHOP + steps)
    return install(here, InstallRequest("shop", answers={"port": port}), Recorder())


def run_so_far(fake: Runner) -> list[str]:
    return fake.notes.read_text().splitlines() if fake.notes.exists() else []


def test_a_step_is_done_once_and_not_again_by_a_later_installation(here: StagedMachine, fake: Runner) -> None:
    assert installed(here, COMMAND).warnings == ()
    assert run_so_far(fake) == ["shop greet good day"]
    change(here, ChangeRequest("shop", {"greeting": "HEY"}), Recorder())
    remove_app(here, RemoveAppRequest("shop"), Recorder())
    installed(here, COMMAND)
    assert run_so_far(fake) == ["shop greet good day"], "its data knows it"
    remove_app(here, RemoveAppRequest("shop"), Recorder())
    there = records.installed(here)
    assert there.first_steps("shop") == FirstSteps(("greet",), is_over=True)
    there.note_steps("shop", None)
    installed(here, COMMAND)
    assert run_so_far(fake) == ["shop greet good day"] * 2


def test_a_step_that_fails_at_first_is_tried_again(here: StagedMachine, fake: Runner) -> None:
    fake.failing = 3
    assert installed(here, COMMAND).warnings == ()
    assert run_so_far(fake) == ["shop greet good day"]


def test_one_that_goes_on_failing_is_told_and_left_for_later(here: StagedMachine, fake: Runner) -> None:
    fake.failing = 10_000
    answer = installed(here, COMMAND)
    assert answer.installation is not None
    (told,) = answer.warnings
    assert told.text.startswith("shop runs, but one step of its installation failed (Greet everybody)")
    assert "beacon app set shop tries it again" in (told.fix or "")
    fake.failing = 0
    heard = Recorder()
    change(here, ChangeRequest("shop"), heard)
    assert run_so_far(fake) == ["shop greet good day"]
    assert Note("shop", "Greet everybody") in heard.heard


def test_what_a_revision_brings_is_for_new_installations(here: StagedMachine, fake: Runner) -> None:
    installed(here, "")
    path = here.paths.config / "catalog" / "shop.toml"
    path.write_text((SHOP + COMMAND).replace('version = "1"', 'version = "1"\nrevision = 2'))
    change(here, ChangeRequest("shop", update=True), Recorder())
    assert run_so_far(fake) == []


def test_a_request_has_the_values_of_secrets(here: StagedMachine, page: tuple[type[Page], int]) -> None:
    kind, port = page
    answer = install_at(here, port)
    assert isinstance(here.secrets, FakeSecrets)
    (value,) = here.secrets.values.values()
    sent = {"name": "admin", "password": value.decode(), "rights": 7}
    assert kind.heard == [("/api/users", "application/json", sent)]
    assert answer.warnings == ()


def test_a_wrong_answer_is_told_without_values(here: StagedMachine, page: tuple[type[Page], int]) -> None:
    kind, port = page
    kind.status = 403
    (told,) = install_at(here, port).warnings
    assert told.text.endswith("POST /api/users is answered by 403")
    assert len(kind.heard) > 2, "it was tried again"


def install_at(here: StagedMachine, port: int) -> AppChanged:
    return installed(here, REQUEST, port)
