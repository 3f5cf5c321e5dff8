"""Which publications go to one store, and what they publish there together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from beacon.endpoints.routing.announcements import Announcements, gather
from beacon.endpoints.routing.forms import Formats, render
from beacon.endpoints.routing.publisher import Entry
from beacon.endpoints.routing.routes import Route, RunningService
from beacon.errors import BeaconError
from beacon.model.endpoints.publication import Publication


class Store(Struct, frozen=True):
    """A store, and all that is published there: by several tables of beacon.toml, if there are several."""

    where: str
    publications: tuple[Publication, ...]

    @property
    def refresh(self) -> float:
        """Seconds after which keys are renewed; 0 where none of them expires."""
        return min((one.refresh for one in self.publications if one.expire), default=0.0)


class Contents(Struct, frozen=True):
    """What each store is to say, and what of the endpoints is not published, each with the reason.

    A store of which that cannot be said (a template is invalid) is in *errors* instead.
    """

    entries: Mapping[str, Mapping[str, Entry]]
    errors: Mapping[str, BeaconError]
    left_out: tuple[str, ...]
    endpoints: int
    services: int


def stores(publications: Iterable[Publication]) -> tuple[Store, ...]:
    """Return the stores of *publications*, in the order in which they are named."""
    found: dict[str, list[Publication]] = {}
    for one in publications:
        found.setdefault(one.access.where, []).append(one)
    return tuple(Store(where, tuple(several)) for where, several in found.items())


def contents_of(
    several: Sequence[Store],
    running: Mapping[str, RunningService],
    found: Sequence[Route],
    machine: str,
    formats: Formats,
) -> Contents:
    """Return what each of the stores is to say of the services *running*, whose endpoints are *found*."""
    by_store: dict[str, Mapping[str, Entry]] = {}
    errors: dict[str, BeaconError] = {}
    left_out: dict[str, None] = {}
    announced = Announcements({})
    for store in several:
        entries: dict[str, Entry] = {}
        try:
            for one in store.publications:
                announced = gather(running, found, one.address)
                made = render(one, announced, machine, formats)
                entries |= made.entries
                left_out |= dict.fromkeys(made.left_out)
        except BeaconError as error:
            errors[store.where] = error
        else:
            by_store[store.where] = entries
    return Contents(
        by_store,
        errors,
        tuple(left_out),
        len(announced.all()),
        sum(map(bool, announced.services.values())),
    )
