"""One pass over a store: what is written, what is deleted, and what is remembered when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.endpoints.routing.publisher import Change, Entry, Publisher, bring_up_to_date
from beacon.endpoints.stores.etcd import EtcdPublisher
from beacon.endpoints.stores.file import FilePublisher
from beacon.endpoints.stores.redis import RedisPublisher
from beacon.errors import BeaconError, ConfigError, StoreError
from beacon.model.endpoints.publication import EtcdAccess, FileAccess, RedisAccess
from beacon.model.endpoints.written import Written
from beacon.model.sensitive import Sensitive
from beacon.state.files import write_atomic
from beacon.state.store import PublishedRecord, StateStore
from tests.fakes.store import MemoryStore


@pytest.fixture
def record(tmp_path: Path) -> PublishedRecord:
    return StateStore(tmp_path, tmp_path).record("memory")


def entries(**values: str) -> dict[str, Entry]:
    return {f"/mars:{name}": Entry(value, 60) for name, value in values.items()}


def test_what_is_gone_is_deleted_and_nothing_of_others(record: PublishedRecord) -> None:
    store = MemoryStore()
    store.set("/other:web", "theirs")
    store.set("/mars:unknown", "written by hand")
    bring_up_to_date(store, entries(web="1", shop="2", old="3"), record)
    bring_up_to_date(store, entries(web="4"), record)
    assert store.values == {"/other:web": "theirs", "/mars:unknown": "written by hand", "/mars:web": "4"}
    assert record.load() == Written("memory", ("/mars:web",))
    bring_up_to_date(store, {}, record)
    assert record.load() == Written("memory")


def test_only_what_changed_is_written(record: PublishedRecord) -> None:
    store = MemoryStore()
    bring_up_to_date(store, entries(web="1", shop="2"), record)
    done = bring_up_to_date(store, entries(web="1", shop="3"), record)
    assert (set(done.put), set(done.renew)) == ({"/mars:shop"}, {"/mars:web"})
    done = bring_up_to_date(store, entries(web="1", shop="3"), record, renew=False)
    assert not done
    assert len(store.writes) == 2


def test_what_was_right_already_is_taken_back_too(record: PublishedRecord) -> None:
    store = MemoryStore()
    store.set("/mars:web", "1")
    assert not bring_up_to_date(store, entries(web="1"), record).put
    bring_up_to_date(store, {}, record)
    assert store.values == {}


def test_an_empty_store_is_told_everything_again(record: PublishedRecord) -> None:
    store = MemoryStore()
    bring_up_to_date(store, entries(web="1", shop="2"), record)
    store.forget()
    assert set(bring_up_to_date(store, entries(web="1", shop="2"), record).put) == {"/mars:web", "/mars:shop"}


def test_keys_are_on_record_before_they_are_written(record: PublishedRecord) -> None:
    store = MemoryStore()
    bring_up_to_date(store, entries(web="1"), record)
    store.full = True
    with pytest.raises(StoreError):
        bring_up_to_date(store, entries(shop="2"), record)
    # The full store was told all the same what is gone.
    assert store.values == {}
    assert record.load() == Written("memory", ("/mars:shop", "/mars:web"), complete=False)
    store.full = False
    bring_up_to_date(store, entries(shop="2"), record)
    assert record.load() == Written("memory", ("/mars:shop",))


def test_a_store_that_is_away_changes_no_record(record: PublishedRecord) -> None:
    store = MemoryStore()
    bring_up_to_date(store, entries(web="1"), record)
    store.away = True
    with pytest.raises(StoreError):
        bring_up_to_date(store, entries(web="2"), record)
    assert record.load() == Written("memory", ("/mars:web",))


@pytest.mark.parametrize(
    ("access", "where"),
    [
        (RedisAccess(), "redis://localhost:6379/0"),
        (
            RedisAccess(host="::1", db=3, tls=True, user="u", password=Sensitive("secret")),
            "rediss://u@[::1]:6379/3",
        ),
        (RedisAccess(socket="/run/r.sock"), "unix:///run/r.sock?db=0"),
        (EtcdAccess(user="u", password=Sensitive("secret"), tls=True), "https://u@localhost:2379"),
        (FileAccess("/srv/endpoints.json"), "/srv/endpoints.json"),
    ],
)
def test_a_store_is_called_by_its_url_without_the_password(
    access: RedisAccess | EtcdAccess | FileAccess, where: str
) -> None:
    assert access.where == where


def away(folder: Path) -> list[Publisher]:
    return [
        RedisPublisher(RedisAccess(socket=str(folder / "none.sock"))),
        RedisPublisher(RedisAccess(host="127.0.0.1", port=1)),
        EtcdPublisher(EtcdAccess(host="127.0.0.1", port=1)),
    ]


@pytest.mark.parametrize("index", range(3))
def test_a_store_that_is_not_there_is_told(tmp_path: Path, index: int) -> None:
    publisher = away(tmp_path)[index]
    with pytest.raises(StoreError, match=f"cannot reach .*{'none.sock' if index == 0 else ':1'}") as caught:
        publisher.write(Change({"a": Entry("1")}, {}))
    assert "object at 0x" not in caught.value.message
    with pytest.raises(StoreError):
        publisher.read(["a"])
    publisher.write(Change({}, {}))
    assert publisher.read([]) == {}


@pytest.mark.parametrize("kind", [RedisPublisher, EtcdPublisher])
def test_a_password_file_that_is_not_there_is_told(
    tmp_path: Path, kind: type[RedisPublisher | EtcdPublisher]
) -> None:
    file = str(tmp_path / "none")
    publisher: Publisher = (
        RedisPublisher(RedisAccess(password_file=file))
        if kind is RedisPublisher
        else EtcdPublisher(EtcdAccess(user="u", password_file=file))
    )
    with pytest.raises(ConfigError, match=r"password_file .*none: No such file"):
        publisher.write(Change({"a": Entry("1")}, {}))


def file_publisher(path: Path, *, check: str = "", reload: str = "") -> FilePublisher:
    access = FileAccess(
        str(path),
        check=("sh", "-c", check, "{}") if check else (),
        reload=("sh", "-c", reload) if reload else (),
    )
    return FilePublisher(access, write_atomic)


def test_a_file_is_checked_put_in_place_and_reloaded_when_it_changes(
    tmp_path: Path, record: PublishedRecord
) -> None:
    path, published = tmp_path / "new folder" / "web.conf", tmp_path / "told"
    publisher = file_publisher(path, check='grep -q good "$0"', reload=f"echo x >>{published}")
    for text in ("good 1\n", "good 1\n", "good 2\r\n", "good 2\r\n"):
        bring_up_to_date(publisher, {str(path): Entry(text)}, record)
        assert path.read_bytes().decode() == text
    assert published.read_text() == "x\nx\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in path.parent.iterdir()] == ["web.conf"]


def test_a_file_that_the_check_refuses_leaves_the_old_one(tmp_path: Path, record: PublishedRecord) -> None:
    path, published = tmp_path / "web.conf", tmp_path / "told"
    path.write_text("old")
    publisher = file_publisher(path, check='echo "line 1: bad"; exit 1', reload=f"echo x >>{published}")
    with pytest.raises(
        StoreError, match=r"web\.conf stays as it was: the check refused the new one: line 1: bad"
    ):
        bring_up_to_date(publisher, {str(path): Entry("new")}, record)
    assert path.read_text() == "old"
    assert not published.exists()
    assert sorted(one.name for one in tmp_path.glob("*.conf*")) == ["web.conf"]


def test_a_reload_that_failed_is_tried_again_although_the_file_is_right(
    tmp_path: Path, record: PublishedRecord
) -> None:
    path, there = tmp_path / "web.conf", tmp_path / "there"
    publisher = file_publisher(path, reload=f"test -e {there}")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"web\.conf is new, but its reload failed"):
            bring_up_to_date(publisher, {str(path): Entry("new")}, record)
    there.touch()
    assert bring_up_to_date(publisher, {str(path): Entry("new")}, record).put
    assert not bring_up_to_date(publisher, {str(path): Entry("new")}, record).put


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "web.conf"
    publisher = FilePublisher(FileAccess(str(path), reload=("/no/such",)), write_atomic)
    with pytest.raises(BeaconError, match="cannot run /no/such: No such file"):
        publisher.write(Change({str(path): Entry("1")}, {}))
