"""Whatever a store says and whatever is wanted: a change brings it about, and nothing else."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from beacon.endpoints.routing.publisher import Entry, bring_up_to_date, change
from beacon.errors import StoreError
from beacon.state.store import StateStore
from tests.fakes.store import MemoryStore

KEYS = st.sampled_from([f"key-{number}" for number in range(6)])
VALUES = st.dictionaries(KEYS, st.sampled_from(["", "1", "2"]))


def entries(values: dict[str, str]) -> dict[str, Entry]:
    return {key: Entry(value) for key, value in values.items()}


@given(desired=VALUES, there=VALUES, written=st.sets(KEYS))
def test_a_change_makes_a_store_say_what_is_wanted(
    desired: dict[str, str], there: dict[str, str], written: set[str]
) -> None:
    made = change(entries(desired), there, written)
    after = {**there, **{key: entry.value for key, entry in made.put.items()}}
    for key in made.delete:
        after.pop(key, None)
    theirs = {key: value for key, value in there.items() if key not in written and key not in desired}
    assert after == {**theirs, **desired}
    assert {*made.put, *made.renew} == set(desired)
    assert all(there.get(key) != desired[key] for key in made.put)
    assert not change(entries(desired), after, desired, renew=False)


@settings(deadline=None)
@given(
    passes=st.lists(
        st.tuples(VALUES, st.sampled_from(["works", "is away", "is full", "is killed"])), max_size=8
    )
)
def test_whatever_fails_the_next_pass_that_works_leaves_nothing_behind(
    passes: list[tuple[dict[str, str], str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        record, store = StateStore(Path(folder), Path(folder)).record("memory"), MemoryStore()
        store.set("theirs", "x")
        for values, how in [*passes, ({"key-0": "1"}, "works")]:
            store.away, store.full = how == "is away", how == "is full"
            try:
                if how == "is killed":
                    # After the store was told, before that is on record.
                    written = record.load()
                    bring_up_to_date(store, entries(values), record)
                    record.save(type(written)("memory", tuple({*written.keys, *values}), complete=False))
                else:
                    bring_up_to_date(store, entries(values), record)
            except StoreError:
                continue
            assert store.values == {"theirs": "x", **values}
