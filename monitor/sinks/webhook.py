"""Alerts to any HTTP receiver, in the body that Alertmanager's own webhook has (version 4).

Receivers of that body exist for everything, so it is spoken here although every message carries
one alert: one POST for each change of state, firing and then resolved. A change is repeated until
the receiver accepts it, and then marked in the store, so that a restart does not repeat it. What
was accepted but not yet marked when the power went is sent twice; the `Idempotency-Key` is the
same both times.

Invariant: for one alert, "resolved" never precedes "firing", and follows it only when that was
accepted. One alert that the receiver chokes on does not hold up the others: after a failure the
turn goes to the next. Memory is bounded: when too many changes wait, an alert that is over and
was never told is discarded first, and counted.

I/O over aiohttp; the wall's time is injected.
"""

import asyncio
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Protocol

import aiohttp

from monitor.backoff import Backoff
from monitor.core.snapshot import Alert, AlertState
from monitor.sinks.delivery import (
    DeliveryStatus,
    Outcome,
    Result,
    SessionOptions,
    open_session,
    post_json,
    public_url,
)
from monitor.sinks.text import annotations, generator_url, labels, rfc3339, starts_ms

# What Alertmanager writes for "not ended": the zero of Go's time.
_NOT_ENDED: Final = "0001-01-01T00:00:00Z"
# Stands in the place of a state: nothing more is told of this alert.
_REFUSED: Final = "refused"
_FNV_OFFSET: Final = 14695981039346656037
_FNV_PRIME: Final = 1099511628211


class Deliveries(Protocol):
    """Where accepted deliveries are remembered over restarts."""

    async def mark(self, key: str, state: str, at_ms: int, status: int) -> None:
        """Remember that the receiver accepted a change; returns when that is durable.

        The store retries by itself. What it raises when it has failed for good ends the sink.

        Args:
            key: `Alert.key`.
            state: `firing` or `resolved`.
            at_ms: When it was accepted (wall, epoch ms).
            status: The receiver's HTTP status, 2xx.
        """
        ...


@dataclass(slots=True)
class _Waiting:
    """The changes of one alert that are still to be told, in order."""

    firing: Alert | None
    resolved: Alert | None

    def first(self) -> Alert | None:
        return self.firing or self.resolved


class WebhookSink:
    """Tells one HTTP receiver of every alert that fires and of its end.

    Args:
        name: The channel's name in the configuration; the `receiver` of the body.
        url: Where to POST. Its path may be a secret and is not shown.
        secret: Key of the signature; None sends none.
        deliveries: Where accepted changes are remembered.
        delivered: What earlier runs delivered: alert key to the latest accepted state.
        wall_ms: From an instant of the engine to the wall's, epoch ms both.
        wall_now_ms: The wall's now, epoch ms.
        external_url: Where people reach the status page.
        session_options: TLS, credentials, timeout.
        waiting_max: Alerts with undelivered changes that are held.
        backoff_cap_s: The longest wait after a failure, unless the receiver asks for more.
        random_source: Jitter, for tests.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        secret: str | None,
        deliveries: Deliveries,
        delivered: Mapping[str, str],
        wall_ms: Callable[[int], int],
        wall_now_ms: Callable[[], int],
        external_url: str,
        session_options: SessionOptions | None = None,
        waiting_max: int = 10_000,
        backoff_cap_s: float = 30.0,
        random_source: random.Random | None = None,
    ) -> None:
        assert waiting_max > 0
        self.name = name
        self.status = DeliveryStatus(public_url(url, with_path=False))
        self._url = url
        self._secret = None if secret is None else secret.encode()
        self._deliveries = deliveries
        self._wall_ms = wall_ms
        self._wall_now_ms = wall_now_ms
        self._external_url = external_url
        self._options = session_options or SessionOptions()
        self._waiting_max = waiting_max
        self._backoff = Backoff(
            first_s=min(1.0, backoff_cap_s), cap_s=backoff_cap_s, random_source=random_source
        )
        self._changed = asyncio.Event()
        self._waiting: dict[str, _Waiting] = {}
        # The latest change of each alert that the receiver accepted, or `_REFUSED`.
        self._settled: dict[str, str] = dict(delivered)

    @property
    def statuses(self) -> tuple[DeliveryStatus, ...]:
        """The only receiver's, in the shape that all channels share."""
        return (self.status,)

    def publish(self, alerts: Sequence[Alert]) -> None:
        """Note the changes that the receiver has not been told; they are sent in the background.

        Returns immediately. Must be called in the event loop's thread.

        Args:
            alerts: All that are pending, firing or lately resolved; pending ones are not sent. An
                alert that was never told and is already resolved is told as both, in order.
        """
        for alert in alerts:
            if alert.state is not AlertState.PENDING:
                self._note(alert)
        while len(self._waiting) > self._waiting_max:
            self._discard_one()
        self._forget_settled({alert.key for alert in alerts})
        self.status.outstanding = len(self._waiting)
        if self._waiting:
            self._changed.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with open_session(self._options) as session:
            while True:
                self._changed.clear()
                while self._waiting:
                    delay_s = await self._deliver_one(session)
                    if delay_s is not None:
                        await asyncio.sleep(delay_s)
                await self._changed.wait()

    def _note(self, alert: Alert) -> None:
        settled = self._settled.get(alert.key)
        waiting = self._waiting.get(alert.key)
        over = alert if alert.state is AlertState.RESOLVED else None
        if settled in (AlertState.RESOLVED, _REFUSED):
            return
        if waiting is not None:
            waiting.resolved = waiting.resolved or over
        elif settled is None:
            self._waiting[alert.key] = _Waiting(_as_firing(alert), over)
        elif over is not None:
            self._waiting[alert.key] = _Waiting(None, over)

    async def _deliver_one(self, session: aiohttp.ClientSession) -> float | None:
        """Tell the first change that waits; None to go on, else seconds until the next try."""
        key, waiting = next(iter(self._waiting.items()))
        alert = waiting.first()
        assert alert is not None
        outcome = await self._post(session, alert)
        now_ms = self._wall_now_ms()
        self.status.note(outcome, now_ms)
        if outcome.result is Result.FAILED:
            # The next try begins with another alert, in case this one is what it chokes on.
            if key in self._waiting:
                self._waiting[key] = self._waiting.pop(key)
            return self._backoff.next_s(outcome.retry_after_s)
        self._backoff.reset()
        if outcome.result is Result.REFUSED:
            # The receiver never knew of a refused firing, so its end is nothing to tell. It is
            # not marked: after a restart, perhaps with better credentials, it is tried again.
            self._settled[key] = _REFUSED
            self._waiting.pop(key, None)
        else:
            self._settle(key, alert.state)
            assert outcome.status is not None
            await self._deliveries.mark(key, alert.state.value, now_ms, outcome.status)
        self.status.outstanding = len(self._waiting)
        return None

    def _settle(self, key: str, state: AlertState) -> None:
        self._settled[key] = state
        waiting = self._waiting.get(key)
        if waiting is None:
            return  # discarded while it was under way
        if state is AlertState.FIRING:
            waiting.firing = None
        else:
            waiting.resolved = None
        if waiting.first() is None:
            del self._waiting[key]

    def _discard_one(self) -> None:
        never_told = (
            key for key, waiting in self._waiting.items() if waiting.firing and waiting.resolved
        )
        key = next(chain(never_told, self._waiting))
        waiting = self._waiting.pop(key)
        self.status.discarded_total += (waiting.firing is not None) + (waiting.resolved is not None)
        # It is not noted again from the next list, or every list would discard another.
        self._settled[key] = _REFUSED

    def _forget_settled(self, current: set[str]) -> None:
        """Keep no more of the past than the bound; what is listed stays known."""
        surplus = len(self._settled) - self._waiting_max
        if surplus > 0:
            past = [key for key in self._settled if key not in current]
            for key in past[:surplus]:
                del self._settled[key]

    async def _post(self, session: aiohttp.ClientSession, alert: Alert) -> Outcome:
        body = json.dumps(self._body(alert)).encode()
        headers = {"Idempotency-Key": _idempotency_key(alert)}
        if self._secret is not None:
            timestamp = str(self._wall_now_ms() // 1000)
            signed = hmac.new(self._secret, f"{timestamp}.".encode() + body, hashlib.sha256)
            headers["X-Callcenter-Monitor-Timestamp"] = timestamp
            headers["X-Callcenter-Monitor-Signature"] = f"sha256={signed.hexdigest()}"
        return await post_json(
            session, self._url, body, wall_now_ms=self._wall_now_ms, headers=headers
        )

    def _body(self, alert: Alert) -> dict[str, object]:
        """Alertmanager's webhook body, version 4, as a group of one alert."""
        named = labels(alert)
        said = annotations(alert, self._wall_ms)
        pairs = ", ".join(f"{name}={json.dumps(value)}" for name, value in named.items())
        ends_ms = alert.resolved_ms
        return {
            "version": "4",
            "groupKey": f"{{}}:{{{pairs}}}",
            "truncatedAlerts": 0,
            "status": alert.state.value,
            "receiver": self.name,
            "groupLabels": named,
            "commonLabels": named,
            "commonAnnotations": said,
            "externalURL": self._external_url,
            "alerts": [
                {
                    "status": alert.state.value,
                    "labels": named,
                    "annotations": said,
                    "startsAt": rfc3339(self._wall_ms(starts_ms(alert))),
                    "endsAt": _NOT_ENDED if ends_ms is None else rfc3339(self._wall_ms(ends_ms)),
                    "generatorURL": generator_url(self._external_url, alert),
                    "fingerprint": fingerprint(named),
                }
            ],
        }


def fingerprint(named: Mapping[str, str]) -> str:
    """The name that Alertmanager gives to a set of labels: FNV-1a, 64 bits, over the sorted set.

    The same as Alertmanager's own, so that a receiver fed by both finds one alert.
    """
    value = _FNV_OFFSET
    for pair in sorted(named.items()):
        for text in pair:
            for byte in (*text.encode(), 0xFF):
                value = (value ^ byte) * _FNV_PRIME & 0xFFFF_FFFF_FFFF_FFFF
    return f"{value:016x}"


def _as_firing(alert: Alert) -> Alert:
    """The alert as it was when it fired, for a receiver that hears of it only after its end."""
    if alert.state is AlertState.FIRING:
        return alert
    notice = None if alert.notice is None else replace(alert.notice, restored_ms=None)
    reason = "held" if notice is None else "opened"
    return replace(alert, state=AlertState.FIRING, resolved_ms=None, reason=reason, notice=notice)


def _idempotency_key(alert: Alert) -> str:
    return hashlib.sha256(f"{alert.key}\n{alert.state}".encode()).hexdigest()
