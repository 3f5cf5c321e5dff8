"""One pass over a store: what is written, what is deleted, and what is remembered when it fails."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from beacon.definition.settings import RedisSettings
from beacon.endpoints.publisher import Change, change, publish
from beacon.endpoints.redis_store import RedisPublisher
from beacon.errors import ConfigError, StoreError
from beacon.state.store import StateStore


class Memory:
    """A store in memory, which can be away."""

    where = "memory"

    def __init__(self, *, away: bool = False) -> None:
        self.values: dict[str, str] = {}
        self.away = away

    def key(self, service: str) -> str:
        return f"/mars:{service}"

    def write(self, change: Change) -> None:
        if self.away:
            raise StoreError("away")
        self.values |= change.put
        for key in change.delete:
            self.values.pop(key, None)


def one_pass(store: Memory, record: StateStore, values: dict[str, str], services: Iterable[str]) -> None:
    publish(store, change(store, values, services, record.keys(store.where)), record)


@pytest.fixture
def record(tmp_path: Path) -> StateStore:
    return StateStore(tmp_path, tmp_path)


def test_what_is_down_or_gone_is_deleted_and_nothing_of_others(record: StateStore) -> None:
    store = Memory()
    store.values = {"/other:web": "theirs", "/mars:unknown": "written by hand"}
    one_pass(store, record, {"web": "1", "shop": "2", "old": "3"}, ["web", "shop", "old", "idle"])
    one_pass(store, record, {"web": "4"}, ["web", "shop"])
    assert store.values == {"/other:web": "theirs", "/mars:unknown": "written by hand", "/mars:web": "4"}
    assert record.keys("memory") == ("/mars:web",)


def test_keys_are_on_record_before_they_are_written(record: StateStore) -> None:
    one_pass(Memory(), record, {"web": "1"}, ["web"])
    with pytest.raises(StoreError):
        one_pass(Memory(away=True), record, {"shop": "2"}, ["shop"])
    assert record.keys("memory") == ("/mars:shop", "/mars:web")


def test_a_store_that_is_published_to_no_more_is_forgotten(record: StateStore) -> None:
    one_pass(Memory(), record, {"web": "1"}, ["web"])
    record.remember("another", ["/mars:web"])
    assert dict(record.published().stores) == {"another": ("/mars:web",)}


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (RedisSettings(), "redis://localhost:6379/0"),
        (RedisSettings(host="::1", db=3, tls=True, user="u", password="secret"), "rediss://[::1]:6379/3"),  # noqa: S106
        (RedisSettings(socket="/run/r.sock"), "unix:///run/r.sock?db=0"),
    ],
)
def test_a_redis_is_called_by_its_url_without_the_password(settings: RedisSettings, where: str) -> None:
    publisher = RedisPublisher(settings, "mars")
    assert publisher.where == where
    assert publisher.key("web") == "/beachhead/mars:web"


def test_a_redis_that_is_not_there_is_told(tmp_path: Path) -> None:
    publisher = RedisPublisher(RedisSettings(socket=str(tmp_path / "none.sock")), "mars")
    with pytest.raises(StoreError, match=r"cannot reach unix:///.*none\.sock"):
        publisher.write(Change({"a": "1"}))
    publisher.write(Change({}))


def test_a_password_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    publisher = RedisPublisher(RedisSettings(password_file=str(tmp_path / "none")), "mars")
    with pytest.raises(ConfigError, match=r"password_file .*none: No such file"):
        publisher.write(Change({"a": "1"}))
