"""Further catalogs: what is in order comes as a whole, and anything else leaves what is there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from beacon.catalog.sources import Fetched, Source
from beacon.errors import BeaconError, ConfigError, DefinitionError, UsageError
from beacon.operations.apps.installing import ChangeRequest, InstallRequest, change, install
from beacon.operations.apps.listing import SearchRequest, list_apps
from beacon.operations.apps.records import due_sources, has_news, read_record
from beacon.operations.apps.showing import AppRequest, list_installed, show_app
from beacon.operations.apps.sources import (
    AddSourceRequest,
    SourceRequest,
    add_source,
    fetch_due,
    list_sources,
    remove_source,
    update_sources,
)
from beacon.sources.tally import SourceError
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push

GIT = Source(git="https://git.example/apps")


def manifest(app: str = "shop", revision: int = 1, summary: str = "Sells things") -> bytes:
    return f"""schema = "beacon-app/1"
[app]
id = "{app}"
name = "Shop"
version = "{revision}"
revision = {revision}
summary = "{summary}"
license = "MIT"
[service.main]
image = "registry.example/me/web:latest"
""".encode()


class Far:
    """Where sources are fetched from."""

    def __init__(self) -> None:
        self.holds: Fetched | BeaconError = Fetched("1", {"shop.toml": manifest(), "shop.svg": b"<svg/>"})
        self.asked = 0

    def fetch(self, source: Source) -> Fetched:
        assert source.location
        self.asked += 1
        if isinstance(self.holds, BeaconError):
            raise self.holds
        return self.holds


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    fake = FakeMachine()
    staged = StagedMachine(fake, tmp_path, push(fake, "1"))
    for folder in (staged.paths.definitions, staged.paths.runtime):
        folder.mkdir(parents=True)
    staged.keep_secrets()
    return staged


def own(here: StagedMachine, text: bytes, app: str = "shop") -> None:
    path = here.paths.config / "catalog" / f"{app}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text)


def add(here: StagedMachine, far: Far, name: str = "friends", source: Source = GIT) -> None:
    add_source(here, AddSourceRequest(name, source, far.fetch), Recorder())


def files(here: StagedMachine) -> list[str]:
    places = (here.paths.config / "sources", here.paths.state / "sources")
    return sorted(path.name for place in places for path in place.rglob("*") if path.is_file())


def test_a_source_is_listed_and_says_where_its_apps_come_from(here: StagedMachine, far: Far) -> None:
    add(here, far)
    (source,) = list_sources(here, SourceRequest(), Recorder()).sources
    assert (source.kind, source.location, source.revision, source.apps) == ("git", GIT.git, "1", ("shop",))
    (app,) = list_apps(here, SearchRequest(("sells",)), Recorder()).apps
    assert (app.origin, app.is_own, app.before) == ("friends", False, ())
    assert Path(show_app(here, AppRequest("shop"), Recorder()).icon).read_text() == "<svg/>"


def test_the_owner_s_manifest_goes_before_sources_and_those_before_beacon_s(
    here: StagedMachine, far: Far
) -> None:
    far.holds = Fetched("1", {"deluge.toml": manifest("deluge")})
    add(here, far, "b-side")
    add(here, far, "a-side")
    assert show_app(here, AppRequest("deluge"), Recorder()).app.before == ("b-side", "built-in")
    own(here, manifest("deluge"), "deluge")
    found = show_app(here, AppRequest("deluge"), Recorder()).app
    assert (found.origin, found.before) == ("own", ("a-side", "b-side", "built-in"))
    (listed,) = [one for one in list_apps(here, SearchRequest(), Recorder()).apps if one.id == "deluge"]
    assert (listed.origin, listed.before) == (found.origin, found.before)


def test_an_app_follows_the_source_that_it_came_from_and_no_other(here: StagedMachine, far: Far) -> None:
    add(here, far, "friends")
    install(here, InstallRequest("shop"), Recorder())
    record = read_record(here, "shop")
    assert record is not None
    assert record.source == "friends"
    far.holds = Fetched("9", {"shop.toml": manifest(revision=9)})
    add(here, far, "a-stranger")
    assert not has_news(here)
    far.holds = Fetched("2", {"shop.toml": manifest(revision=2)})
    update_sources(here, SourceRequest("friends", far.fetch), Recorder())
    assert has_news(here)
    done = change(here, ChangeRequest("shop", update=True), Recorder())
    assert done.installation is not None
    assert (done.installation.revision, done.installation.source) == (2, "friends")
    answer = remove_source(here, SourceRequest("friends"), Recorder())
    assert [one.text for one in answer.warnings] == [
        "shop came from friends, and gets no new revisions any more"
    ]
    assert list_installed(here, Recorder()).installed[0].newest is None
    with pytest.raises(UsageError, match="friends"):
        change(here, ChangeRequest("shop", update=True), Recorder())


def test_an_app_of_beacon_s_is_not_taken_over_by_a_source(here: StagedMachine, far: Far) -> None:
    own(here, manifest())
    install(here, InstallRequest("shop"), Recorder())
    far.holds = Fetched("9", {"shop.toml": manifest(revision=9)})
    add(here, far)
    assert not has_news(here)


@pytest.mark.parametrize(
    "holds",
    [
        SourceError("it has the checksum 1, and not 2"),
        Fetched("2", {}),
        Fetched("2", {"shop.toml": manifest(), "other.toml": b"schema = 3"}),
        Fetched("2", {"shop.toml": manifest("another")}),
        Fetched("2", {"shop.toml": b"\xff"}),
    ],
)
def test_what_is_not_in_order_leaves_what_is_there(
    here: StagedMachine, far: Far, holds: Fetched | BeaconError
) -> None:
    good, far.holds = far.holds, holds
    with pytest.raises((SourceError, DefinitionError)):
        add(here, far)
    assert files(here) == []
    far.holds = good
    add(here, far)
    before = files(here)
    far.holds = holds
    with pytest.raises((SourceError, DefinitionError)):
        update_sources(here, SourceRequest("friends", far.fetch), Recorder())
    assert files(here) == before
    assert [one.id for one in list_apps(here, SearchRequest(("sells",)), Recorder()).apps] == ["shop"]


def test_an_update_takes_the_place_of_all_that_was_there(here: StagedMachine, far: Far) -> None:
    add(here, far)
    far.holds = Fetched("2", {"other.toml": manifest("other")})
    update_sources(here, SourceRequest(fetch=far.fetch), Recorder())
    assert files(here) == ["friends.json", "friends.toml", "other.toml"]
    remove_source(here, SourceRequest("friends"), Recorder())
    assert files(here) == []


def test_an_update_of_services_fetches_sources_once_a_day_and_a_failure_only_warns(
    here: StagedMachine, far: Far
) -> None:
    assert not due_sources(here)
    add(here, far)
    assert not due_sources(here)
    here.machine.time += timedelta(hours=25).total_seconds()
    far.holds = SourceError("nobody answers")
    assert due_sources(here)
    (warning,) = fetch_due(here, Recorder(), far.fetch)
    assert "nobody answers" in warning.text
    assert not due_sources(here)
    assert (fetch_due(here, Recorder(), far.fetch), far.asked) == ((), 2)


def test_a_folder_is_read_in_place(here: StagedMachine, tmp_path: Path, far: Far) -> None:
    folder = tmp_path / "mine"
    (folder / "apps").mkdir(parents=True)
    (folder / "icons").mkdir()
    (folder / "pyproject.toml").write_text("[project]")
    (folder / "apps" / "shop.toml").write_bytes(manifest())
    (folder / "icons" / "shop.svg").write_text("<svg/>")
    add(here, far, source=Source(directory=str(folder)))
    assert far.asked == 0
    (folder / "apps" / "shop.toml").write_bytes(manifest(revision=4))
    details = show_app(here, AppRequest("shop"), Recorder())
    assert (details.app.revision, details.icon) == (4, str(folder / "icons" / "shop.svg"))
    (folder / "apps" / "shadow.toml").symlink_to("/etc/shadow")
    answer = list_apps(here, SearchRequest(), Recorder())
    assert ["link" in one.text for one in answer.warnings] == [True]
    with pytest.raises(SourceError, match="link"):
        update_sources(here, SourceRequest(fetch=far.fetch), Recorder())


def test_a_source_that_cannot_be_read_any_more_keeps_no_app_away(
    here: StagedMachine, tmp_path: Path, far: Far
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.toml").write_bytes(manifest("mine"))
    add(here, far, "a-mine", source=Source(directory=str(folder)))
    add(here, far)
    (folder / "mine.toml").unlink()
    folder.rmdir()
    folder.touch()
    assert [one.id for one in list_apps(here, SearchRequest(("sells",)), Recorder()).apps] == ["shop"]
    with pytest.raises(SourceError, match="no folder") as caught:
        update_sources(here, SourceRequest(fetch=far.fetch), Recorder())
    assert caught.value.message.startswith("source a-mine stays as it was")


def test_a_folder_of_a_hundred_thousand_files_is_refused(
    here: StagedMachine, tmp_path: Path, far: Far
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(10_001):
        (folder / str(number)).touch()
    with pytest.raises(SourceError, match="10000 files"):
        add(here, far, source=Source(directory=str(folder)))
    assert files(here) == []


def test_names_are_those_of_sources(here: StagedMachine, far: Far) -> None:
    for name in ("../x", "Own", "own", "built-in", ""):
        with pytest.raises(UsageError):
            add(here, far, name)
    add(here, far)
    with pytest.raises(UsageError, match="there is a source"):
        add(here, far)
    for act in (update_sources, remove_source, list_sources):
        with pytest.raises(UsageError, match="did you mean 'friends'"):
            act(here, SourceRequest("friend"), Recorder())


def test_a_file_of_the_owner_s_that_is_none_is_told_and_hides_no_app(here: StagedMachine, far: Far) -> None:
    add(here, far)
    (here.paths.config / "sources" / "bad.toml").write_text('git = "ext::sh -c evil"')
    assert [bool(one.fault) for one in list_sources(here, SourceRequest(), Recorder()).sources] == [
        True,
        False,
    ]
    (here.paths.config / "sources" / "own.toml").write_text('git = "https://git.example/x"')
    (found,) = list_apps(here, SearchRequest(("sells",)), Recorder()).apps
    assert (found.origin, found.is_own) == ("friends", False)
    with pytest.raises(ConfigError, match="bad"):
        update_sources(here, SourceRequest(fetch=far.fetch), Recorder())
