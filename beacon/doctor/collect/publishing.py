"""What is published: whether its stores answer, and whether somebody keeps them up to date."""

from __future__ import annotations

from beacon.doctor.collect.survey import PUBLISH, Survey
from beacon.doctor.judge.facts import PublishingFacts, StoreFacts
from beacon.endpoints.routing.publisher import Publisher
from beacon.endpoints.routing.stores import stores as configured
from beacon.errors import AccessError, BeaconError

_ANY_KEY = "/beacon"
"""That there is no such key is an answer too."""


def publishing(survey: Survey) -> PublishingFacts:
    """Ask every store for a key, and systemd for the service that publishes."""
    machine = survey.machine
    stores = tuple(_ask(machine.publisher_of(store)) for store in configured(machine.settings.publish))
    named = {store.where for store in stores}
    left = tuple(one.store for one in machine.store.published() if one.store not in named)
    if not stores and not left:
        return PublishingFacts()
    return PublishingFacts(stores, survey.units()[PUBLISH], left)


def _ask(publisher: Publisher) -> StoreFacts:
    try:
        publisher.read([_ANY_KEY])
    except AccessError:
        raise  # it is the one who asks that may not know the password
    except BeaconError as error:
        return StoreFacts(publisher.where, error.message, error.hint or "")
    return StoreFacts(publisher.where)
