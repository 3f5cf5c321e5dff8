"""What targets are notified of, in words; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct, field

from beacon.model.image import ImageConfig
from beacon.model.notice import plural
from beacon.model.notifying.news import News
from beacon.model.notifying.target import Topic
from beacon.model.reference import Digest, short
from beacon.model.release import ServiceState, Trigger
from beacon.notify.links import created, release_notes, version
from beacon.reconcile.approval import what_to_do

_SAID = {
    Topic.UPDATED: "is updated",
    Topic.ROLLED_BACK: "was rolled back",
    Topic.WAITING: "has an update that waits for your word",
    Topic.QUARANTINED: "has an image that is passed over",
    Topic.UNCHECKED: "could not be checked for a day",
    Topic.FAILED: "needs you",
    Topic.DISK: "there is little room left",
    Topic.BEACON: "Beacon itself has failed",
}
_SEVERITY = {Topic.UPDATED: "success", Topic.WAITING: "info", Topic.QUARANTINED: "info"}
"""As Apprise calls them."""
_DAY = 86400.0
_FOR_GOOD = 10 * 365 * _DAY
"""Seconds that nobody waits for."""
_OLDEST = 20 * 365 * 24
"""Hours; what claims to be older says it of another image, or is made to be the same in every build."""


class Message(Struct, frozen=True):
    """One message; commands of the owner get it as JSON, with the times in RFC 3339."""

    id: str
    event: str
    """A topic, ``digest`` or ``test``."""
    machine: str = field(name="host")
    title: str
    text: str
    at: str
    severity: str = "info"
    service: str = ""
    release: int | None = None
    digest: str | None = None
    previous_digest: str | None = None
    link: str = ""
    """Where people read what the image brings."""
    to_do: str = ""
    """What may be typed next."""
    events: tuple[Message, ...] = ()
    """What a digest is made of."""


def message_of(name: str, news: News, state: ServiceState, machine: str, now: datetime) -> Message:
    """Return what is said of *news*, whose id is *name*; *state* is that of its service."""
    new, old = (_image(state, digest) for digest in (news.digest, news.previous_digest))
    labels, before = (one.labels if one is not None else {} for one in (new, old))
    is_new = news.topic in {Topic.UPDATED, Topic.WAITING, Topic.ROLLED_BACK}
    link = release_notes(labels, before) if is_new else ""
    to_do = _to_do(news, state)
    lines = [
        *(_change(news, state, labels, before, now) if is_new else ()),
        news.message,
        *([f"What is new: {link}"] if link else []),
        *([f"Next: {to_do}"] if to_do else []),
    ]
    return Message(
        id=name,
        event=str(news.topic),
        machine=machine,
        title=_title(news, machine),
        text="\n".join(lines),
        at=datetime.fromtimestamp(news.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        severity=_SEVERITY.get(news.topic, "failure"),
        service=news.service,
        release=news.release,
        digest=news.digest,
        previous_digest=news.previous_digest,
        link=link,
        to_do=to_do,
    )


def gathered(messages: Sequence[Message], machine: str) -> Message:
    """Return one message of several, the oldest first."""
    last = messages[-1]
    return Message(
        id=last.id,
        event="digest",
        machine=machine,
        title=f"{plural(len(messages), 'message')} from {machine}",
        text="\n\n".join(f"{one.title}, {_local(one.at)}\n{one.text}" for one in messages),
        at=last.at,
        severity="failure" if any(one.severity == "failure" for one in messages) else "info",
        events=tuple(messages),
    )


def is_worth_sending(news: News, state: ServiceState) -> bool:
    """Say whether *news* is news to its owner, who has seen what came of an add, an apply or a rollback."""
    release = state.release(news.release)
    return news.topic is not Topic.UPDATED or (release is not None and release.trigger is Trigger.UPDATE)


def keys_of(news: News) -> tuple[tuple[str, ...], float]:
    """Return by what it is known that *news* were sent before, and for how many seconds that counts.

    An image that waits, was rolled back or is passed over is news once; it is passed over for what the
    owner was notified of before. What has no image is sent once a day.
    """
    if news.topic is Topic.UPDATED:
        return (), 0.0
    if news.digest is None or news.topic not in {Topic.WAITING, Topic.ROLLED_BACK, Topic.QUARANTINED}:
        return (f"{news.topic} {news.service} {news.message}",), _DAY
    own = f"{news.topic} {news.service} {news.digest}"
    if news.topic is not Topic.QUARANTINED:
        return (own,), _FOR_GOOD
    others = (f"{topic} {news.service} {news.digest}" for topic in (Topic.WAITING, Topic.ROLLED_BACK))
    return (own, *others), _FOR_GOOD


def _title(news: News, machine: str) -> str:
    said = _SAID[news.topic]
    if news.service and news.topic is not Topic.BEACON:
        return f"{news.service} {said} ({machine})"
    return f"{said[0].upper()}{said[1:]} ({machine})"


def _change(
    news: News, state: ServiceState, labels: Mapping[str, str], before: Mapping[str, str], now: datetime
) -> Iterator[str]:
    """Yield from what to what a service goes, as its owner knows it, and how old the new image is."""
    if news.digest is None:
        return
    old, new = version(before), version(labels)
    if not new or old == new:
        old = short(news.previous_digest) if news.previous_digest else ""
        new = short(news.digest)
    name = _repository(state, news.digest) or news.service
    age = _age(created(labels), now)
    yield f"{name}: {f'{old} → ' if old else ''}{new}{f', made {age} ago' if age else ''}"


def _repository(state: ServiceState, digest: Digest) -> str:
    """Return the name of the repository that an image is of; empty if nothing is known of it any more."""
    known = {one.digest: one.reference.name for one in (*state.spare, *state.releases)}
    known |= {one.digest: one.reference.name for one in state.waiting}
    return known.get(digest, "")


def _image(state: ServiceState, digest: Digest | None) -> ImageConfig | None:
    """Return what is known of an image: of a release that there was, or of one that waits."""
    found = {one.digest: one.image for one in (*state.spare, *state.releases)}
    if state.pending is not None:
        found.setdefault(state.pending.image.digest, state.pending.image.config)
    return found.get(digest) if digest is not None else None


def _to_do(news: News, state: ServiceState) -> str:
    name = news.service
    if news.topic is Topic.WAITING:
        waiting = state.waiting_for(news.digest) if news.digest is not None else None
        return what_to_do(name, waiting) if waiting is not None else ""
    return {
        Topic.UPDATED: f"beacon rollback {name} goes back",
        Topic.ROLLED_BACK: f"beacon logs {name}; push a mended image, or beacon update --retry {name}",
        Topic.QUARANTINED: f"push another image, or beacon update --retry {name}",
        Topic.UNCHECKED: "beacon doctor",
        Topic.FAILED: f"beacon status {name}; beacon logs {name}",
        Topic.DISK: "beacon doctor says what can go",
        Topic.BEACON: f"journalctl -u {name}; beacon doctor",
    }[news.topic]


def _age(made: str, now: datetime) -> str:
    """Return how old what was *made* is; nothing if that is not known, or makes no sense."""
    try:
        moment = datetime.fromisoformat(made)
    except ValueError:
        return ""
    hours = int((now - moment).total_seconds() // 3600) if moment.tzinfo is not None else -1
    if not 0 <= hours < _OLDEST:
        return ""
    days = hours // 24
    return plural(days, "day") if days else plural(max(hours, 1), "hour")


def _local(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%a %H:%M")
