"""What the terminal shows of progress."""

from __future__ import annotations

import contextlib
import io
import time

import pytest

from beacon.cli.display import Display
from beacon.cli.going import Pull, Text, duration, lasting, size, waiting
from beacon.cli.lines import Lines
from beacon.cli.output import Output
from beacon.cli.reporter import TerminalListener
from beacon.model.reference import ImageReference
from beacon.model.rollout.record import StepKind
from beacon.operations.listener import Note, Pulled, Pulling, StepBegan, Waiting

IMAGE = ImageReference.parse("registry.example/me/web:1")
MB = 10**6


class Terminal(io.StringIO):
    """A terminal in memory."""

    def isatty(self) -> bool:
        return True


class Shown(Display):
    """Remembers what it was to show."""

    def __init__(self) -> None:
        super().__init__(colour=False)
        self.said: list[str] = []

    def show(self, service: str, text: Text) -> None:
        super().show(service, text)
        self.said.append(text())


def pull(listener: TerminalListener) -> None:
    for progress in (
        Pulling("web", IMAGE),
        Pulling("web", IMAGE, 20 * MB, 200 * MB),
        Pulled("web", IMAGE),
    ):
        listener.hear(progress)


def shown(*heard: Note | StepBegan | Waiting | Pulling | Pulled) -> list[str]:
    """Return what a terminal shows of *heard*."""
    display = Shown()
    with contextlib.redirect_stderr(Terminal()):
        listener = TerminalListener(Output(), lambda _: display)
        for progress in heard:
            listener.hear(progress)
    return display.said


def test_a_pull_is_one_line_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    listener = TerminalListener(Output(), None)
    pull(listener)
    listener.hear(Note("web", "waiting"))
    assert capsys.readouterr().err == "web: pulling registry.example/me/web:1\nweb: waiting\n"


def test_at_a_terminal_it_has_a_line_that_moves() -> None:
    heard = (Pulling("web", IMAGE), Pulling("web", IMAGE, 20 * MB), Pulling("web", IMAGE, 21 * MB, 200 * MB))
    assert shown(*heard, Pulled("web", IMAGE)) == [
        "web: pulling registry.example/me/web, 0 s",
        "web: pulling 20.0 MB, of registry.example/me/web",
        "web: pulling 21.0 of 200 MB, of registry.example/me/web",
    ]


def test_what_is_waited_for_is_said_in_the_place_of_the_step() -> None:
    wait = Waiting("web", "watching it settle", 4.2, 10.0)
    assert shown(StepBegan("web", StepKind.GATE), wait, StepBegan("web", None)) == [
        "web: wait until it is healthy, 0 s",
        "web: watching it settle, 4 of 10 s",
    ]
    assert shown(StepBegan("web", StepKind.FORMER_START), wait)[-1] == (
        "web: the former release: watching it settle, 4 of 10 s"
    )


def test_a_short_wait_shows_nothing() -> None:
    assert shown(Waiting("", "asking registry.example"), Waiting("")) == []


def test_a_wait_that_lasts_is_shown_though_nothing_more_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beacon.cli.reporter._SOON", 0.05)
    display = Shown()
    with contextlib.redirect_stderr(Terminal()):
        listener = TerminalListener(Output(), lambda _: display)
        listener.hear(Waiting("", "asking registry.example"))
        time.sleep(0.5)
        listener.hear(Waiting(""))
    assert display.said == ["asking registry.example, 0 s"]


def test_quiet_it_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    display = Shown()
    pull(TerminalListener(Output(quiet=True), lambda _: display))
    assert (display.said, capsys.readouterr().err) == ([], "")


def test_without_a_terminal_what_goes_on_is_said_now_and_then() -> None:
    said: list[str] = []
    lines = Lines(said.append, pause=0.2)
    lines.show("db", lasting("db: stop the service"))
    lines.end("db")
    lines.show("web", waiting("web: ", Waiting("web", "watching it settle", 3.0, 10.0)))
    time.sleep(0.5)
    lines.end("web")
    before = list(said)
    time.sleep(0.3)
    assert said == before == ["web: watching it settle, 3 of 10 s"] * 2


def test_the_time_goes_on_though_nothing_more_is_heard() -> None:
    text = waiting("web: ", Waiting("web", "starting", time.monotonic(), None))
    assert text() == f"web: starting, {int(time.monotonic())} s"


@pytest.mark.parametrize(
    ("done", "total", "said"),
    [
        (50 * MB, 200 * MB, "web: pulling 50.0 of 200 MB, 10.0 MB/s, 15 s left, of registry.example/me/web"),
        (50 * MB, None, "web: pulling 50.0 MB, 10.0 MB/s, of registry.example/me/web"),
        (200 * MB, 200 * MB, "web: pulled 200 MB, unpacking, of registry.example/me/web"),
        (0, 0, "web: unpacking, there is nothing to fetch, of registry.example/me/web"),
    ],
)
def test_a_pull_tells_bytes_rate_and_time_left(done: int, total: int | None, said: str) -> None:
    now = 100.0
    line = Pull(lambda: now)
    line.hear(Pulling("web", IMAGE, 0, total))
    now += 5
    line.hear(Pulling("web", IMAGE, done, total))
    assert line.text() == said


def test_a_pull_that_stands_still_gets_slower() -> None:
    now = 0.0
    line = Pull(lambda: now)
    for second in range(6):
        now = float(second)
        line.hear(Pulling("web", IMAGE, second * MB, 200 * MB))
    assert "1.0 MB/s, 195 s" not in line.text()
    assert "1.0 MB/s, 3 min left" in line.text()
    now = 50.0
    assert "100 kB/s" in line.text()


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (2 * 10**12, "2.0 TB")],
)
def test_sizes_have_three_digits(count: int, said: str) -> None:
    assert size(count) == said


@pytest.mark.parametrize(("seconds", "said"), [(58, "58 s"), (720, "12 min"), (7500, "2 h 5 min")])
def test_times_are_as_exact_as_they_need_to_be(seconds: float, said: str) -> None:
    assert duration(seconds) == said
