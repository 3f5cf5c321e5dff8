"""Manifests: every fault at once, and what they come to is ordinary definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import token_bytes
from typing import Any

import pytest

from beacon.catalog.answers import Answered, answer, notes
from beacon.catalog.expansion import Expansion, Place, expand, surroundings
from beacon.catalog.manifest import json_schema, options_of, read_manifest
from beacon.catalog.secrets import make_secret
from beacon.catalog.skeleton import skeleton
from beacon.catalog.wordlist import WORDS
from beacon.definition.decode import decode
from beacon.definition.tables.answers import Generator
from beacon.definition.tables.app import GenerateTable, ManifestTable
from beacon.errors import DefinitionError, UsageError
from beacon.model.service import Port, Secret, Volume

PLACE = Place(
    "shop",
    "box",
    "Europe/Berlin",
    1000,
    1000,
    "/etc/beacon/apps/shop.toml",
    "/var/lib/beacon/apps/shop/files",
    "/srv",
)
HEAD = """schema = "beacon-app/1"
[app]
id = "shop"
name = "Shop"
version = "1"
summary = "A shop"
license = "MIT"
"""
MAIN = '[service.main]\nimage = "registry.example/shop:1"\n'
WHOLE = (
    HEAD
    + """
[web]
port = 80
host = 8088
[[option]]
name = "mail"
type = "boolean"
label = "Send mail?"
[[option]]
name = "server"
label = "Mail server"
when = "option.mail"
required = true
[[option]]
name = "media"
type = "library"
label = "Where pictures are"
default = "photos"
[[option]]
name = "level"
type = "choice"
choices = ["info", "debug"]
label = "How much is logged"
default = "info"
[[option]]
name = "password"
type = "secret"
label = "Password"
[service.main]
image = "registry.example/shop:1"
networks = ["{{ instance }}"]
needs = ["{{ service.db }}"]
secret = [{ name = "{{ secret.password }}", env = "PASSWORD" }]
[service.main.env]
DATABASE = "{{ service.db }}"
MAIL = "{{ option.server }}"
URL = "{% if option.domain %}https://{{ option.domain }}{% else %}http://box:{{ option.port }}{% endif %}"
[[service.main.volume]]
host = "{{ option.media }}"
path = "/media"
[[service.main.port]]
when = "option.level == 'debug'"
host = 9999
container = 9999
[service.db]
image = "registry.example/db:1"
networks = ["{{ instance }}"]
[[file]]
path = "/etc/shop.conf"
content = "level={{ option.level }}\\n"
[result]
login = "admin"
password = "password"
text = "Open {{ instance }}."
"""
)


def read(text: str) -> ManifestTable:
    return read_manifest(text, file="shop.toml")


def faults(text: str) -> list[str]:
    with pytest.raises(DefinitionError) as refused:
        read(text)
    return [f"{fault.key}: {fault.problem}" for fault in refused.value.faults]


def answered(given: Mapping[str, object]) -> Answered:
    return answer(read(WHOLE), given, surroundings(PLACE))


def made(given: Mapping[str, object], own: Mapping[str, dict[str, Any]] | None = None) -> Expansion:
    return expand(read(WHOLE), answered(given), PLACE, own or {})


def test_an_app_becomes_ordinary_definitions() -> None:
    found = made({})
    main = decode(found.definitions["shop"], name="shop", file="shop.toml")
    assert main.ports == (Port(80, 8088),)
    assert main.secrets == (Secret("shop.password", env="PASSWORD"),)
    assert (
        main.env == {"DATABASE": "shop-db", "MAIL": "None", "URL": "http://box:8088"}
        or "MAIL" not in main.env
    )
    assert (main.needs, main.networks) == (("shop-db",), ("shop",))
    (path,) = found.files
    assert found.files[path] == ("level=info\n", 0o644)
    assert set(main.volumes) == {
        Volume("/media", host="/srv/photos"),
        Volume("/etc/shop.conf", host=path, read_only=True),
    }
    assert decode(found.definitions["shop-db"], name="shop-db", file="x").networks == ("shop",)
    assert (found.url, found.login, found.text) == ("http://box:8088/", "admin", "Open shop.")
    assert found.secrets == {"password": "shop.password"}
    assert found.folders == ("/srv/photos",)


def test_what_is_not_answered_is_left_out() -> None:
    main = decode(made({}).definitions["shop"], name="shop", file="shop.toml")
    assert "MAIL" not in main.env


def test_nor_is_it_in_tables_of_lists() -> None:
    text = HEAD + MAIN + '[[option]]\nname = "a"\nlabel = "A"\n'
    lists = 'dns = ["{{ option.a }}"]\n[[service.main.port]]\nhost = "{{ option.a }}"\ncontainer = 80\n'
    manifest = read(text.replace('shop:1"\n', f'shop:1"\n{lists}'))
    found = expand(manifest, answer(manifest, {}, surroundings(PLACE)), PLACE, {})
    main = decode(found.definitions["shop"], name="shop", file="shop.toml")
    assert (main.ports, main.dns) == ((Port(80),), ())


def test_answers_change_what_it_comes_to() -> None:
    given = {
        "mail": "yes",
        "server": "mx.example.org",
        "level": "debug",
        "media": "/mnt/pictures",
        "domain": "s.example.org",
    }
    found = made(given)
    main = decode(found.definitions["shop"], name="shop", file="shop.toml")
    assert main.env["MAIL"] == "mx.example.org"
    assert main.env["URL"] == "https://s.example.org"
    assert [(one.domain, one.port) for one in main.endpoints] == [("s.example.org", 80)]
    assert main.ports == (Port(9999, 9999),)
    assert found.url == "https://s.example.org/"
    assert found.folders == ("/mnt/pictures",)
    assert made({}).files.keys() != found.files.keys(), (
        "a changed file is another one, so that releases have their own"
    )


def test_what_the_owner_adds_is_added() -> None:
    own = {"main": {"env": {"MORE": "1"}, "volume": [{"name": "x", "path": "/x"}], "stop": {"timeout": "3s"}}}
    main = decode(made({}, own).definitions["shop"], name="shop", file="shop.toml")
    assert (main.env["MORE"], main.env["DATABASE"], main.stop.timeout) == ("1", "shop-db", 3.0)
    assert len(main.volumes) == 3


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"mail": "yes"}, "not answered: server"),
        ({"level": "loud"}, "level must be one of info, debug, not 'loud'"),
        ({"levle": "info"}, "there is no option 'levle'; did you mean 'level'?"),
        ({"mail": "perhaps"}, "mail must be yes or no, not 'perhaps'"),
        ({"port": "70000"}, "port must be from 1 to 65535, not 70000"),
        ({"media": "/etc"}, "media must not be a folder of the system, as /etc is"),
        ({"media": "/"}, "media must not be a folder of the system, as / is"),
        ({"media": "../up"}, "media must be the name of a library such as downloads, or a path, not '../up'"),
        ({"domain": "no domain"}, "domain "),
    ],
)
def test_a_wrong_answer_is_refused(given: Mapping[str, object], problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        answered(given)
    assert problem in refused.value.message


def test_all_that_is_wrong_with_answers_is_said_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        answered({"mail": "yes", "level": "loud", "port": "x"})
    assert refused.value.message.count(";") == 2
    assert refused.value.hint == "--set server=…"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HEAD + MAIN + "[web]\nport = 80\nprot = 1\n", "web.prot: unknown key; did you mean 'port'?"),
        (HEAD.replace("beacon-app/1", "beacon-app/9") + MAIN, "schema: "),
        (HEAD, "service: must be given"),
        (HEAD + MAIN.replace("main", "other"), "service: must have a service main"),
        (
            HEAD + MAIN + "[[option]]\nname='a'\nlabel='A'\nwhen='option.b'\n",
            "option[0].when: there is no option 'b' before it",
        ),
        (
            HEAD + MAIN + "[[option]]\nname='a'\nlabel='A'\n" * 2,
            "option[0].name: must be given once, and a is twice",
        ),
        (
            HEAD + MAIN + "env = { A = '{{ option.nope }}' }\n",
            "service.main.env.A: there is no option 'nope' before it",
        ),
        (
            HEAD + MAIN + "[[action]]\nid = 'a'\nlabel = 'A'\ncommand = ['a', '{{ option.nope }}']\n",
            "action[0].command[1]: there is no option 'nope'",
        ),
        (
            HEAD + MAIN + "[[action]]\nid = 'a'\nlabel = 'A'\ncommand = ['a']\nservice = 'db'\n",
            "action[0].service: there is no service 'db'",
        ),
        (
            HEAD + MAIN + "[[action]]\nid = 'a'\nlabel = 'A'\ncommand = ['a']\n" * 2,
            "action[1].id: must be given once, and a is twice",
        ),
        (
            HEAD + MAIN + "[[after_install]]\nid = 'a'\nlabel = 'A'\n",
            "after_install[0]: must have either command or http",
        ),
        (
            HEAD + MAIN + "[[after_install]]\nid = 'a'\nlabel = 'A'\nhttp = { path = '/' }\n",
            "after_install[0].http: needs [web]",
        ),
        (HEAD + MAIN + "[[action]]\nid = 'a'\nlabel = 'A'\ncommand = []\n", "action[0].command: "),
        (HEAD + MAIN + "env = { A = '{{ nope }}' }\n", "service.main.env.A: there is no 'nope'; there are "),
        (HEAD + MAIN + "env = { A = '{{ ' }\n", "service.main.env.A: cannot be understood: "),
        (
            HEAD + MAIN + "env = { A = '{{ option.__class__ }}' }\n",
            "service.main.env.A: there is no option '__class__'",
        ),
        (HEAD + MAIN + "env = { A = '{{ instance.upper() }}' }\n", "service.main.env.A: must not use call"),
        (
            HEAD + MAIN + "env = { A = '{% for a in [1] %}{% endfor %}' }\n",
            "service.main.env.A: must not use for",
        ),
        (
            HEAD + MAIN + "[[option]]\nname='a'\nlabel='A'\ntype='secret'\ndefault='x'\n",
            "option[0].default: must not be given",
        ),
        (
            HEAD + MAIN + "[result]\npassword = 'a'\n",
            "result.password: must be the name of an option that is a secret",
        ),
        (HEAD + MAIN + "[[file]]\npath='../x'\ncontent=''\n", "file[0].path: "),
        ("x = [" * 2000, ": is not TOML"),
    ],
)
def test_a_faulty_manifest_is_refused(text: str, fault: str) -> None:
    assert any(one.startswith(fault) for one in faults(text)), faults(text)


def test_keys_of_others_pass() -> None:
    assert read(HEAD.replace("[app]", "x-mine = 1\n[app]") + MAIN).app.id == "shop"


def test_the_skeleton_is_in_order() -> None:
    manifest = read(skeleton("my-app", ""))
    assert [one.name for one in options_of(manifest)] == ["port", "domain", "greeting", "password"]
    found = expand(manifest, answer(manifest, {}, surroundings(PLACE)), PLACE, {})
    assert decode(found.definitions["shop"], name="shop", file="x").env["GREETING"] == "hello"


def test_the_schema_names_every_table() -> None:
    schema = json_schema()
    assert isinstance(schema["properties"], dict)
    assert {"schema", "app", "option", "service", "web"} <= schema["properties"].keys()


BOUNDS = """
[[option]]
name = "count"
type = "integer"
label = "Count"
min = 2
max = 5
[[option]]
name = "cache"
type = "size"
label = "Cache"
min = "64M"
max = "2G"
[[option]]
name = "pause"
type = "duration"
label = "Pause"
min = "1m"
[[option]]
name = "nick"
label = "Nick"
max = 3
[[option]]
name = "backup"
type = "schedule"
label = "When"
default = "daily"
[[option]]
name = "hello"
type = "note"
label = "Read this first."
help = "It matters."
when = "option.backup == 'daily'"
"""


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"count": "1"}, "count must be at least 2"),
        ({"count": 6}, "count must be at most 5"),
        ({"cache": "63M"}, "cache must be at least 64M"),
        ({"cache": "3G"}, "cache must be at most 2G"),
        ({"cache": "much"}, "cache must be a size such as"),
        ({"pause": "59s"}, "pause must be at least 1m"),
        ({"nick": "four"}, "nick must be at most 3 characters"),
        ({"backup": "*/5 * * * *"}, "backup must be a time of systemd.time(7)"),
        ({"hello": "yes"}, "hello takes no answer"),
    ],
)
def test_bounds_are_those_of_the_kind(given: Mapping[str, object], problem: str) -> None:
    manifest = read_manifest(HEAD + BOUNDS + MAIN, file="x")
    with pytest.raises(UsageError) as refused:
        answer(manifest, given, surroundings(PLACE))
    assert refused.value.message.startswith(problem)
    right = {"count": 5, "cache": "2048M", "pause": "60s", "nick": "abc", "backup": "Mon 04:00"}
    assert answer(manifest, right, surroundings(PLACE)).values == right


def test_a_note_is_read_if_it_matters() -> None:
    manifest = read_manifest(HEAD + BOUNDS + MAIN, file="x")
    daily, weekly = ({"option": {"backup": when}} for when in ("daily", "weekly"))
    assert notes(manifest, daily) == ["Read this first. It matters."]
    assert notes(manifest, weekly) == []


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ("type = 'size'\nmin = 'much'", "option[0].min: must be a size such as"),
        ("type = 'boolean'\nmin = 1", "option[0].min: must not be given: a boolean has no bounds"),
        ("min = '64M'", "option[0].min: must be a number"),
        ("min = 5\nmax = 4", "option[0].max: must not be less than min"),
        ("type = 'port'\ndefault = 70000", "option[0].default: must be from 1 to 65535"),
        ("type = 'schedule'\ndefault = 'never'", "option[0].default: must be a time of systemd.time(7)"),
        ("type = 'note'\nrequired = true", "option[0].type: is a note"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option: str, fault: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_manifest(f"{HEAD}{MAIN}[[option]]\nname = 'a'\nlabel = 'A'\n{option}\n", file="x")
    assert fault in str(refused.value)


def test_words_are_short_and_each_is_worth_ten_bits() -> None:
    assert len(set(WORDS)) == 1024
    assert all(re.fullmatch("[a-z]{3,5}", word) for word in WORDS)
    made = make_secret(GenerateTable(kind=Generator.WORDS, words=6), token_bytes).split("-")
    assert len(made) == 6
    assert set(made) <= set(WORDS)
    five = GenerateTable(kind=Generator.WORDS, words=5)
    ways = [at.to_bytes(2, "big") for at in range(1024)]
    drawn = {make_secret(five, lambda _, way=way: way) for way in ways}  # type: ignore[misc]
    assert len(drawn) == 1024, "each can be drawn"


@pytest.mark.parametrize(
    ("kind", "length", "pattern"),
    [
        (Generator.ALNUM, 20, "[A-Za-z0-9]{20}"),
        (Generator.HEX, 33, "[0-9a-f]{33}"),
        (Generator.BASE64, 32, "[A-Za-z0-9+/=]{44}"),
    ],
)
def test_secrets_are_made(kind: Generator, length: int, pattern: str) -> None:
    counter = iter(range(10**6))

    def random(count: int) -> bytes:
        return bytes(next(counter) % 256 for _ in range(count))

    how = GenerateTable(kind=kind, length=length)
    one, two = make_secret(how, random), make_secret(how, random)
    assert re.fullmatch(pattern, one)
    assert one != two
