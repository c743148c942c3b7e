"""Alerts to Alertmanager (API v2), to every replica of it on its own.

Alertmanager keeps no alerts over a restart and believes one only until its `endsAt`, so delivery
is not an event but a standing statement: what fires is said again every minute, and what was
resolved is said for another quarter of an hour. Alertmanager removes the duplicates, also those of
a second daemon, because the labels and `startsAt` come from the engine and are the same in both.

Alertmanager knows an alert by its labels alone, and a later statement replaces an earlier one. So
of two alerts with the same labels (a breach that was resolved and came again) only the newer is
said: the end of the old one would silence the new one.

Invariant: no replica waits for another. Memory is bounded by the plan: one alert for each rule and
scope.

I/O over aiohttp; the wall's time is injected.
"""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import aiohttp

from monitor.backoff import Backoff
from monitor.core.snapshot import Alert, AlertState
from monitor.sinks.delivery import (
    DeliveryStatus,
    Result,
    SessionOptions,
    open_session,
    post_json,
    public_url,
)
from monitor.sinks.text import annotations, generator_url, labels, rfc3339, starts_ms

_PATH: Final = "/api/v2/alerts"
# A lost statement or two must not end an alert, so it lapses only after four.
_LAPSES_AFTER_RESENDS: Final = 4
# One request stays far below what any proxy on the way accepts.
_BATCH_ALERTS: Final = 256

# What Alertmanager takes for the same alert: all of its labels.
_Identity = tuple[tuple[str, str], ...]
# What a replica has to hear of at once when it differs: which breach, and firing or resolved.
_Standing = tuple[str, AlertState]


class _Replica:
    """One Alertmanager: where it is, what it has heard, and how sending to it goes."""

    def __init__(self, url: str, backoff: Backoff) -> None:
        self.url = url.rstrip("/") + _PATH
        self.status = DeliveryStatus(public_url(url, with_path=True))
        self.backoff = backoff
        self.changed = asyncio.Event()
        self.heard: dict[_Identity, _Standing] = {}


class AlertmanagerSink:
    """Tells every replica of one Alertmanager cluster what fires and what was resolved.

    Args:
        name: The channel's name in the configuration.
        urls: One for each replica, without `/api/v2/alerts`; never a load balancer's.
        wall_ms: From an instant of the engine to the wall's, epoch ms both.
        wall_now_ms: The wall's now, epoch ms.
        is_sure: Whether that can be believed. While it cannot, no alert that fires is given an end:
            it could be over already where Alertmanager is, which then takes its own
            `resolve_timeout`.
        external_url: Where people reach the status page.
        session_options: TLS, credentials, timeout.
        resend_s: How often what fires is said again.
        resolved_for_s: How long after its end (wall) a resolved alert is still said.
        backoff_cap_s: The longest wait after a failure, unless the replica asks for more.
        random_source: Jitter, for tests.
    """

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        *,
        wall_ms: Callable[[int], int],
        wall_now_ms: Callable[[], int],
        is_sure: Callable[[], bool] = lambda: True,
        external_url: str,
        session_options: SessionOptions | None = None,
        resend_s: float = 60.0,
        resolved_for_s: float = 900.0,
        backoff_cap_s: float = 30.0,
        random_source: random.Random | None = None,
    ) -> None:
        assert resend_s > 0
        self.name = name
        self._wall_ms = wall_ms
        self._wall_now_ms = wall_now_ms
        self._is_sure = is_sure
        self._external_url = external_url
        self._options = session_options or SessionOptions()
        self._resend_s = resend_s
        self._resolved_for_ms = round(resolved_for_s * 1000)
        self._alerts: dict[_Identity, Alert] = {}
        self._replicas = tuple(
            _Replica(
                url,
                Backoff(
                    first_s=min(1.0, backoff_cap_s),
                    cap_s=backoff_cap_s,
                    random_source=random_source,
                ),
            )
            for url in urls
        )

    @property
    def statuses(self) -> tuple[DeliveryStatus, ...]:
        """One for each replica, in the order of the configuration."""
        return tuple(replica.status for replica in self._replicas)

    def publish(self, alerts: Sequence[Alert]) -> None:
        """Replace what is said; a change of any alert's state is said at once.

        Returns immediately. Must be called in the event loop's thread.

        Args:
            alerts: All that are pending, firing or lately resolved; pending ones are not sent. A
                firing alert that is missing is no longer said and lapses at the receiver; a
                resolved one is still said until its time is over.
        """
        kept = {
            identity: alert
            for identity, alert in self._alerts.items()
            if alert.state is AlertState.RESOLVED
        }
        for alert in sorted(alerts, key=lambda one: one.breached_ms):
            if alert.state is not AlertState.PENDING:
                kept[_identity(alert)] = alert
        self._alerts = kept
        self._forget_resolved()
        for replica in self._replicas:
            replica.status.outstanding = len(self._unheard(replica))
            if replica.status.outstanding:
                replica.changed.set()

    async def run(self) -> None:
        """Serve every replica until cancelled."""
        async with asyncio.TaskGroup() as group:
            for replica in self._replicas:
                group.create_task(
                    self._serve(replica), name=f"alerts:{self.name}:{replica.status.target}"
                )

    async def _serve(self, replica: _Replica) -> None:
        """Say changes at once and everything every `resend_s`.

        After a failure everything is said, because the replica may have been restarted and then
        knows nothing. A change does not cut that wait short: it would hammer a replica in trouble.
        """
        loop = asyncio.get_running_loop()
        everything_at_s = loop.time()
        async with open_session(self._options) as session:
            while True:
                replica.changed.clear()
                if is_everything := loop.time() >= everything_at_s:
                    replica.heard.clear()
                delay_s = await self._say_unheard(replica, session)
                if delay_s is not None:
                    await asyncio.sleep(delay_s)
                    everything_at_s = loop.time()
                    continue
                if is_everything:
                    everything_at_s = loop.time() + self._resend_s
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(everything_at_s):
                        await replica.changed.wait()

    async def _say_unheard(self, replica: _Replica, session: aiohttp.ClientSession) -> float | None:
        """Say what this replica has not heard; None when done, else seconds until the next try."""
        self._forget_resolved()
        for batch in _batches(self._unheard(replica)):
            now_ms = self._wall_now_ms()
            body = json.dumps([self._statement(alert, now_ms) for alert in batch.values()])
            outcome = await post_json(
                session, replica.url, body.encode(), wall_now_ms=self._wall_now_ms
            )
            replica.status.note(outcome, self._wall_now_ms())
            if outcome.result is Result.FAILED:
                replica.status.outstanding = len(self._unheard(replica))
                return replica.backoff.next_s(outcome.retry_after_s)
            replica.backoff.reset()
            # A refused batch counts as heard: the good alerts in it were taken, the others would
            # be refused again, and the next full statement tries them once more anyway.
            replica.heard.update(_standings(batch))
        replica.status.outstanding = len(self._unheard(replica))
        return None

    def _unheard(self, replica: _Replica) -> dict[_Identity, Alert]:
        return {
            identity: alert
            for identity, alert in self._alerts.items()
            if replica.heard.get(identity) != (alert.key, alert.state)
        }

    def _forget_resolved(self) -> None:
        oldest_ms = self._wall_now_ms() - self._resolved_for_ms
        self._alerts = {
            identity: alert
            for identity, alert in self._alerts.items()
            if alert.resolved_ms is None or self._wall_ms(alert.resolved_ms) > oldest_ms
        }
        for replica in self._replicas:
            for identity in replica.heard.keys() - self._alerts.keys():
                del replica.heard[identity]

    def _statement(self, alert: Alert, now_ms: int) -> dict[str, object]:
        """One element of the request's array."""
        begins_ms = self._wall_ms(starts_ms(alert))
        said = {
            "labels": labels(alert),
            "annotations": annotations(alert, self._wall_ms),
            "generatorURL": generator_url(self._external_url, alert),
        }
        if alert.resolved_ms is None and not self._is_sure():
            return {**said, "startsAt": rfc3339(begins_ms)}
        if alert.resolved_ms is None:
            ends_ms = now_ms + round(_LAPSES_AFTER_RESENDS * self._resend_s * 1000)
        else:
            # An end in the receiver's future would not be an end; a wall set back makes one.
            ends_ms = min(self._wall_ms(alert.resolved_ms), now_ms)
        return {
            **said,
            "startsAt": rfc3339(min(begins_ms, ends_ms)),
            "endsAt": rfc3339(ends_ms),
        }


def _identity(alert: Alert) -> _Identity:
    return tuple(labels(alert).items())


def _standings(alerts: Mapping[_Identity, Alert]) -> dict[_Identity, _Standing]:
    return {identity: (alert.key, alert.state) for identity, alert in alerts.items()}


def _batches(alerts: Mapping[_Identity, Alert]) -> Iterator[dict[_Identity, Alert]]:
    items = list(alerts.items())
    for start in range(0, len(items), _BATCH_ALERTS):
        yield dict(items[start : start + _BATCH_ALERTS])
