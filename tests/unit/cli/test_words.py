"""What is typed before it is parsed, and how what makes no sense is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from beacon.errors import UsageError
from beacon.words import hoist, other_user, require_verb

VERBS = ("add", "rm", "stats", "status", "update", "start", "restart", "endpoint check", "endpoint list")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--json status web", "status web --json"),
        ("--json -q endpoint list", "-q endpoint list --json"),
        ("status --json --user", "--user status --json"),
        ("--json rm -- --json", "rm --json -- --json"),
        ("--json", "--json"),
        ("-q exec --user web ls -q --user", "-q --user exec web ls -q --user"),
        ("exec web --json", "exec web --json"),
        ("exec --system", "--system exec"),
        ("app do shop occ --user -q", "app do shop occ --user -q"),
        ("app do shop --user", "--user app do shop"),
    ],
)
def test_options_may_stand_before_and_behind_the_verb(typed: str, meant: str) -> None:
    assert hoist(typed.split()) == meant.split()


@pytest.mark.parametrize(
    ("typed", "user"),
    [
        ("status --user=bob", "bob"),
        ("--user=bob exec web ls", "bob"),
        ("exec web ls --user=bob", None),
        ("rm -- --user=bob", None),
        ("--user status", None),
    ],
)
def test_whose_services_are_meant_is_said_by_beacon_s_own_words(typed: str, user: str | None) -> None:
    assert other_user(hoist(typed.split())) == user


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("stauts", "did you mean 'beacon status'?"),
        ("list --json", "did you mean 'beacon status'?"),
        ("ps", "did you mean 'beacon status'?"),
        ("-q upgrade web", "did you mean 'beacon update'?"),
        ("remove web", "did you mean 'beacon rm'?"),
        ("help", "did you mean 'beacon --help'?"),
        ("version", "did you mean 'beacon --version'?"),
        ("check web", "did you mean 'beacon endpoint check'?"),
        ("endpoint chek", "did you mean 'beacon endpoint check'?"),
        ("endpoint xyzzy", "beacon endpoint --help shows them all"),
        ("xyzzy", "beacon --help shows them all"),
        ("--user bob status", "services of a user: beacon --user=bob …"),
    ],
)
def test_of_a_verb_that_is_none_it_is_said_what_may_be_meant(typed: str, hint: str) -> None:
    with pytest.raises(UsageError, match="there is no verb") as caught:
        require_verb(typed.split(), VERBS)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "typed", ["", "--help", "status web", "endpoint", "endpoint list web", "--user rm bob"]
)
def test_what_begins_with_a_verb_is_the_parser_s(typed: str) -> None:
    require_verb(typed.split(), VERBS)


def beacon(*words: str) -> tuple[int, str, str]:
    """Return how the command ended, and what it answered and said."""
    command = [sys.executable, "-m", "beacon", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("stauts", "error: there is no verb 'stauts'\n       (did you mean 'beacon status'?)\n"),
        (
            "update --chekc",
            "error: beacon update: no such option: --chekc\n       (did you mean '--check'?)\n",
        ),
        ("rollback", "error: beacon rollback: missing argument 'NAME'\n"),
        (
            "hold a b",
            "error: beacon hold: got unexpected extra argument",
        ),
        ("--json logs web", "error: beacon logs: no such option: --json\n"),
        ("logs web -n x", "error: beacon logs: invalid value for '--lines' / '-n': "),
        ("status --user --system", "error: --user and --system exclude each other\n"),
    ],
)
def test_the_parser_s_errors_look_like_all_others(typed: str, said: str) -> None:
    status, _, reported = beacon(*typed.split())
    assert status == 2
    assert reported.startswith(said)
    assert "Usage:" not in reported


@pytest.mark.parametrize("typed", ["", "endpoint", "--user", "--help", "status --help"])
def test_help_is_an_answer(typed: str) -> None:
    status, answered, reported = beacon(*typed.split())
    assert (status, reported) == (0, "")
    assert answered.startswith("Usage: beacon")
