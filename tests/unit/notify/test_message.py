"""What targets read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from beacon.model.image import Wish
from beacon.model.notifying.news import News
from beacon.model.notifying.target import TOPICS, Topic
from beacon.model.release import AwaitingApproval, Pending, ServiceState, Trigger
from beacon.notify.message import gathered, is_worth_sending, message_of
from beacon.rollout.checking.candidates import make_release
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import PLATFORM, push, service

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
OCI = "org.opencontainers.image."


def labelled(version: str, **labels: str) -> tuple[ServiceState, News]:
    """Return a state with release 1 and a release 2 whose image has *labels*, and the news of that."""
    machine = FakeMachine()
    state, of = ServiceState("web"), service()
    images = []
    for number in ("1", "2"):
        image = push(machine, number)
        own = {f"{OCI}version": version.replace("N", number)} if version else {}
        config = replace(
            image.config, labels={**own, **{f"{OCI}{key}": text for key, text in labels.items()}}
        )
        images.append(image)
        made = make_release(
            state, of, Wish(of.image, PLATFORM), replace(image, config=config), Trigger.UPDATE
        )
        state = state.with_release(made)
    old, new = images
    said = "release 2 of web is live"
    news = News(Topic.UPDATED, "web", said, NOW.timestamp(), ("a",), 2, new.digest, old.digest)
    return state, news


def test_an_update_says_from_what_to_what_its_age_its_page_and_what_to_type() -> None:
    state, news = labelled("1.N", created="2026-11-27T10:00:00Z", source="https://github.com/me/web")
    message = message_of("id", news, state, "mars", NOW)
    assert message.title == "web is updated (mars)"
    assert message.text.splitlines() == [
        "registry.example/me/web: 1.1 → 1.2, made 3 days ago",
        "release 2 of web is live",
        "What is new: https://github.com/me/web/releases",
        "Next: beacon rollback web goes back",
    ]
    assert (message.severity, message.at, message.id) == ("success", "2026-11-30T12:00:00Z", "id")


@pytest.mark.parametrize(
    "made", ["", "yesterday", "1970-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2026-11-01"]
)
def test_without_versions_there_are_digests_and_no_age_that_makes_no_sense(made: str) -> None:
    state, news = labelled("", created=made)
    assert news.digest
    assert news.previous_digest
    first = message_of("id", news, state, "mars", NOW).text.splitlines()[0]
    assert first == f"registry.example/me/web: {news.previous_digest[7:19]} → {news.digest[7:19]}"


def test_what_waits_names_the_command_with_the_digest() -> None:
    image = push(FakeMachine(), "2")
    labels = {f"{OCI}version": "2.0"}
    pending = Pending(service().image, replace(image, config=replace(image.config, labels=labels)), "")
    waiting = AwaitingApproval(service().image, image.digest, image.tag_digest, Trigger.UPDATE, "asks", "")
    state = ServiceState("web", pending=pending, waiting=(waiting,))
    news = News(Topic.WAITING, "web", "it waits", NOW.timestamp(), ("a",), digest=image.digest)
    message = message_of("id", news, state, "mars", NOW)
    assert message.text.startswith("registry.example/me/web: 2.0\n")
    assert f"beacon approve web@{image.digest[7:19]}" in message.to_do
    assert message_of("id", news, replace(state, waiting=()), "mars", NOW).to_do == ""


@pytest.mark.parametrize("topic", Topic)
def test_every_topic_is_told_also_if_nothing_is_remembered(topic: Topic) -> None:
    news = News(topic, "web", "said", NOW.timestamp(), ("a",), digest=push(FakeMachine(), "1").digest)
    message = message_of("id", news, ServiceState("web"), "mars", NOW)
    assert "said" in message.text
    assert message.title.endswith(" (mars)")


def test_every_topic_but_beacon_s_own_has_an_event() -> None:
    assert {*TOPICS.values(), Topic.BEACON} == set(Topic)


@pytest.mark.parametrize(
    ("trigger", "notified"), [(Trigger.UPDATE, True), (Trigger.APPLY, False), (Trigger.ROLLBACK, False)]
)
def test_what_its_owner_did_by_hand_is_no_news(trigger: Trigger, notified: bool) -> None:  # noqa: FBT001
    state, news = labelled("")
    done = state.release(2)
    assert done
    assert is_worth_sending(news, state.with_release(replace(done, trigger=trigger))) is notified


def test_a_digest_has_all_of_them() -> None:
    state, news = labelled("1.N")
    one = message_of("1", news, state, "mars", NOW)
    two = replace(one, id="2", title="db needs you (mars)", severity="failure")
    digest = gathered([one, two], "mars")
    assert (digest.event, digest.title, digest.id, digest.severity) == (
        "digest",
        "2 messages from mars",
        "2",
        "failure",
    )
    assert all(part in digest.text for part in (one.title, two.title, one.text))
    assert digest.events == (one, two)


def test_the_image_may_say_anything() -> None:
    state, news = labelled("9" * 1000 + "\n", source="x" * 5000)
    assert len(message_of("id", news, state, "mars", NOW).text) < 400
