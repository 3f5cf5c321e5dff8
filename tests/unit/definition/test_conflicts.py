"""Two services that want one thing: what runs has it, and what is being added or changed gives way."""

from __future__ import annotations

import pytest

from beacon.definition.conflicts import Precedence
from beacon.definition.decode import decode, decode_all
from beacon.errors import DefinitionError
from beacon.model.service import Service

IMAGE = "image = 'ghcr.io/me/app:1'\n"
PORT = IMAGE + "[[port]]\nhost = '{}'\ncontainer = 80\n"
DOMAIN = IMAGE + "domain = 'a.org:http=80'\n"
PATH = IMAGE + "[[endpoint]]\ndomain = 'a.org'\npath = '/api'\nport = 80\n"

WANTED = {
    "a port": (PORT.format("8080"), PORT.format("127.0.0.1:8080"), "8080/tcp"),
    "a domain": (DOMAIN, DOMAIN, "a.org"),
    "a path of a domain": (PATH, PATH, "a.org/api"),
}
BOTH = pytest.mark.parametrize(("one", "other", "what"), WANTED.values(), ids=WANTED)


def service(name: str, text: str) -> Service:
    return decode(text, name=name, file=f"{name}.toml")


def faults(precedence: Precedence, **texts: str) -> list[str]:
    """Return what is wrong between definitions."""
    with pytest.raises(DefinitionError) as caught:
        decode_all({f"{name}.toml": text for name, text in texts.items()}, precedence=precedence)
    return [str(fault) for fault in caught.value.faults]


@BOTH
@pytest.mark.parametrize(("lives", "comes"), [("a", "z"), ("z", "a")])
def test_what_runs_wins_over_what_is_not_there_yet(
    one: str, other: str, what: str, lives: str, comes: str
) -> None:
    (fault,) = faults(Precedence({lives: service(lives, one)}), **{lives: one, comes: other})
    assert fault.startswith(f"{comes}.toml: ")
    assert what in fault
    assert f"which {lives}.toml (" in fault


@BOTH
@pytest.mark.parametrize(("lives", "changes"), [("a", "z"), ("z", "a")])
def test_what_runs_with_it_wins_over_what_runs_without(
    one: str, other: str, what: str, lives: str, changes: str
) -> None:
    precedence = Precedence({lives: service(lives, one), changes: service(changes, IMAGE)})
    (fault,) = faults(precedence, **{lives: one + "#", changes: other})
    assert fault.startswith(f"{changes}.toml: ")
    assert what in fault


@BOTH
@pytest.mark.parametrize(("there", "comes"), [("a", "z"), ("z", "a")])
def test_of_two_that_do_not_run_the_one_that_is_asked_for_gives_way(
    one: str, other: str, what: str, there: str, comes: str
) -> None:
    (fault,) = faults(Precedence(asked=frozenset({comes})), **{there: one, comes: other})
    assert fault.startswith(f"{comes}.toml: ")
    assert what in fault


@BOTH
def test_what_runs_otherwise_than_its_definition_says_is_in_the_way_too(
    one: str, other: str, what: str
) -> None:
    del what
    live = {"web": service("web", one)}
    texts = {"web.toml": IMAGE, "new.toml": other}
    with pytest.raises(DefinitionError) as caught:
        decode_all(texts, precedence=Precedence(live, frozenset({"new"})))
    (fault,) = caught.value.faults
    assert fault.file == "new.toml"
    assert "which web as it runs (" in fault.problem
    assert len(decode_all(texts, precedence=Precedence(live, frozenset({"new", "web"})))) == 2


@BOTH
def test_what_runs_without_a_definition_has_what_it_has_until_it_is_removed(
    one: str, other: str, what: str
) -> None:
    del what
    live = {"web": service("web", one)}
    (fault,) = faults(Precedence(live, frozenset({"new"})), new=other)
    assert fault.startswith("new.toml: ")
    assert len(decode_all({"new.toml": other}, precedence=Precedence(live, frozenset({"new", "web"})))) == 1


def test_what_somebody_else_left_undone_is_no_fault_of_others() -> None:
    live = {"web": service("web", DOMAIN), "shop": service("shop", IMAGE)}
    texts = {"web.toml": IMAGE, "shop.toml": DOMAIN, "db.toml": IMAGE}
    assert len(decode_all(texts, precedence=Precedence(live, frozenset({"db"})))) == 3


def test_a_volume_s_unit_is_that_of_the_service_that_runs_with_it() -> None:
    texts = {
        "web": IMAGE + "[[volume]]\nname = 'db-data'\npath = '/d'",
        "web-db": IMAGE + "[[volume]]\nname = 'data'\npath = '/d'",
    }
    for lives, comes in (("web", "web-db"), ("web-db", "web")):
        (fault,) = faults(Precedence({lives: service(lives, texts[lives])}), **texts)
        assert fault.startswith(f"{comes}.toml: volume[0].name: must not be ")
        assert fault.endswith(f"its unit would be that of {lives}.toml (volume[0].name)")


@pytest.mark.parametrize("name", ["beacon-web", "backup", "hook-a", "operation-a"])
def test_a_name_that_new_services_cannot_have_stays_good_for_one_that_is_there(name: str) -> None:
    texts = {f"{name}.toml": IMAGE}
    assert len(decode_all(texts, precedence=Precedence(remembered=frozenset({name})))) == 1
    assert len(decode_all(texts, precedence=Precedence())) == 1
    (fault,) = faults(Precedence(remembered=frozenset()), **{name: IMAGE})
    assert fault.startswith(f"{name}.toml: ")
