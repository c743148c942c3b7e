"""Alerts reach real Alertmanagers: every replica, again after a restart, and as resolved."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from real_parts import Alertmanager, alertmanager, free_port, wait_until_async
from sink_parts import running
from snapshots import make_alert

from monitor.core.snapshot import Alert, AlertState
from monitor.sinks.alertmanager import AlertmanagerSink
from monitor.sinks.webhook import fingerprint

WITHIN_S = 20.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251 (a real receiver lives in wall time)


def hold_alert(
    *,
    key: str = "example/hold-breached/line/H3237/part-d/1",
    contract: str = "H3237",
    breached_ms: int | None = None,
) -> Alert:
    """An average hold of 2:41 that fired a moment ago."""
    breached = now_ms() - 60_000 if breached_ms is None else breached_ms
    return make_alert(
        key=key,
        scope=f"line/{contract}/Part D help desk",
        labels={"organization": "Example", "contract": contract, "line": "Part D help desk"},
        breached_ms=breached,
        fired_ms=breached + 30_000,
        value=161.0,
        numerator=66_332_000,
        denominator=412,
        clause="42 CFR 423.128(d)(1)(v)",
    )


def resolved(alert: Alert, at_ms: int | None = None) -> Alert:
    return replace(
        alert,
        state=AlertState.RESOLVED,
        resolved_ms=now_ms() if at_ms is None else at_ms,
        reason="cleared",
        value=98.0,
    )


def sink_to(
    *urls: str,
    resend_s: float = 60.0,
    wall_now_ms: Callable[[], int] = now_ms,
    is_sure: Callable[[], bool] = lambda: True,
) -> AlertmanagerSink:
    return AlertmanagerSink(
        "ops",
        urls,
        wall_ms=lambda at_ms: at_ms,
        wall_now_ms=wall_now_ms,
        is_sure=is_sure,
        external_url="https://monitor.example",
        resend_s=resend_s,
        backoff_cap_s=0.3,
    )


async def sent_more(sink: AlertmanagerSink, requests: int) -> None:
    enough = sink.statuses[0].sent_total + requests
    await wait_until_async(
        lambda: sink.statuses[0].sent_total >= enough, WITHIN_S, f"{requests} more requests"
    )


@contextmanager
def two_alertmanagers(tmp_path: Path) -> Iterator[tuple[Alertmanager, Alertmanager]]:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with alertmanager(tmp_path / "a") as first, alertmanager(tmp_path / "b") as second:
        yield first, second


@pytest.mark.real
async def test_a_firing_alert_is_listed_with_labels_that_never_change_and_then_resolves(
    tmp_path: Path,
) -> None:
    with alertmanager(tmp_path) as manager:
        async with running(sink_to(manager.url)) as sink:
            alert = hold_alert()
            sink.publish([alert])
            await wait_until_async(manager.alerts, WITHIN_S, "the alert is listed")
            (listed,) = manager.alerts()
            assert listed["labels"] == {
                "alertname": "hold-breached",
                "severity": "critical",
                "scope": "line",
                "organization": "Example",
                "contract": "H3237",
                "line": "Part D help desk",
            }
            assert listed["annotations"]["summary"] == (
                "Part D help desk, H3237: average hold 2:41 over 30 minutes, limit 2:00, 412 calls"
            )
            assert listed["annotations"]["clause"] == "42 CFR 423.128(d)(1)(v)"
            assert listed["annotations"]["dedup_key"] == alert.key
            assert listed["generatorURL"] == (
                "https://monitor.example/#alert-example%2Fhold-breached%2Fline%2FH3237%2Fpart-d%2F1"
            )
            assert alert.fired_ms is not None
            assert datetime.fromisoformat(listed["startsAt"]) == datetime.fromtimestamp(
                alert.fired_ms / 1000, UTC
            )
            # Our name for a set of labels is Alertmanager's own.
            assert listed["fingerprint"] == fingerprint(listed["labels"])

            # Other figures, same alert: Alertmanager still knows one, and it ends.
            sink.publish([resolved(alert)])
            await wait_until_async(lambda: not manager.alerts(), WITHIN_S, "the alert is resolved")
        assert sink.statuses[0].refused_total == 0
        assert sink.statuses[0].outstanding == 0


@pytest.mark.real
async def test_by_a_clock_that_cannot_be_believed_no_alert_ends(tmp_path: Path) -> None:
    day_ms = 86_400_000
    with alertmanager(tmp_path) as manager:
        behind = sink_to(manager.url, wall_now_ms=lambda: now_ms() - day_ms, is_sure=lambda: False)
        async with running(behind) as sink:
            alert = hold_alert()
            sink.publish([alert])
            await wait_until_async(manager.alerts, WITHIN_S, "the alert is listed")
            (listed,) = manager.alerts()
            assert alert.fired_ms is not None
            began = datetime.fromtimestamp(alert.fired_ms / 1000, UTC)
            assert datetime.fromisoformat(listed["startsAt"]) == began
            left = datetime.fromisoformat(listed["endsAt"]) - datetime.fromtimestamp(
                now_ms() / 1000, UTC
            )
            # Alertmanager's own time, as long as nothing is said of it.
            assert 0 < left.total_seconds() <= 300
            sink.publish([resolved(alert)])
            await wait_until_async(lambda: not manager.alerts(), WITHIN_S, "the alert is resolved")


@pytest.mark.real
async def test_a_pending_alert_is_not_told(tmp_path: Path) -> None:
    with alertmanager(tmp_path) as manager:
        async with running(sink_to(manager.url)) as sink:
            pending = replace(
                hold_alert(key="p", contract="H0001"), state=AlertState.PENDING, fired_ms=None
            )
            sink.publish([pending, hold_alert()])
            await wait_until_async(manager.alerts, WITHIN_S, "the firing one is listed")
            assert [one["labels"]["contract"] for one in manager.alerts()] == ["H3237"]


@pytest.mark.real
async def test_every_replica_is_told_and_one_that_is_away_delays_nobody_and_hears_it_later(
    tmp_path: Path,
) -> None:
    with two_alertmanagers(tmp_path) as (present, absent):
        absent.stop()
        async with running(sink_to(present.url, absent.url)) as sink:
            sink.publish([hold_alert()])
            await wait_until_async(present.alerts, WITHIN_S, "the one that is up lists it")
            status = sink.statuses[1]
            await wait_until_async(lambda: status.failed_total, WITHIN_S, "the failure is counted")
            assert status.last_success_ms is None
            assert status.last_error is not None
            assert status.outstanding == 1
            absent.start()
            await wait_until_async(absent.alerts, WITHIN_S, "the other lists it too")
            await wait_until_async(lambda: not status.outstanding, WITHIN_S, "nothing is owed")
            assert status.last_error is None


@pytest.mark.real
async def test_a_replica_that_accepts_connections_and_never_answers_delays_nobody(
    tmp_path: Path,
) -> None:
    with two_alertmanagers(tmp_path) as (present, frozen):
        frozen.pause()
        try:
            async with running(sink_to(present.url, frozen.url)) as sink:
                sink.publish([hold_alert()])
                await wait_until_async(present.alerts, WITHIN_S, "the other lists it")
                assert sink.statuses[1].sent_total == 0
        finally:
            frozen.resume()


@pytest.mark.real
async def test_an_alertmanager_that_forgot_everything_is_told_again(tmp_path: Path) -> None:
    with alertmanager(tmp_path) as manager:
        async with running(sink_to(manager.url, resend_s=0.5)) as sink:
            sink.publish([hold_alert()])
            await wait_until_async(manager.alerts, WITHIN_S, "the alert is listed")
            manager.kill()
            manager.start()
            await wait_until_async(manager.alerts, WITHIN_S, "it is listed again")
            sink.publish([resolved(hold_alert())])
            await wait_until_async(lambda: not manager.alerts(), WITHIN_S, "and still resolves")


@pytest.mark.real
async def test_a_breach_that_comes_again_is_not_silenced_by_the_end_of_the_one_before(
    tmp_path: Path,
) -> None:
    with alertmanager(tmp_path) as manager:
        async with running(sink_to(manager.url, resend_s=0.2)) as sink:
            start_ms = now_ms()
            before = hold_alert(key="1", breached_ms=start_ms - 120_000)
            again = hold_alert(key="2", breached_ms=start_ms - 35_000)
            ended = resolved(before, start_ms - 60_000)
            sink.publish([before])
            await wait_until_async(manager.alerts, WITHIN_S, "the first is listed")
            sink.publish([ended])
            await wait_until_async(lambda: not manager.alerts(), WITHIN_S, "it is resolved")
            # In either order, and through several repetitions.
            for alerts in ([again, ended], [ended, again]):
                sink.publish(alerts)
                await sent_more(sink, 3)
                (listed,) = manager.alerts()
                assert listed["annotations"]["dedup_key"] == "2"


class Recorder:
    """A stand-in replica for answers that a healthy Alertmanager never gives."""

    def __init__(self, *answers: web.Response) -> None:
        self.answers = list(answers)
        self.bodies: list[list[dict[str, Any]]] = []
        self.arrived_s: list[float] = []

    async def handle(self, request: web.Request) -> web.Response:
        assert request.path == "/api/v2/alerts"
        self.bodies.append(await request.json())
        self.arrived_s.append(asyncio.get_running_loop().time())
        return self.answers.pop(0) if self.answers else web.Response()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(application)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await runner.cleanup()


async def test_what_fires_is_said_again_until_its_end_and_its_end_only_for_a_while() -> None:
    recorder = Recorder()
    ahead_ms = 0
    async with (
        recorder.serving() as url,
        running(sink_to(url, resend_s=0.1, wall_now_ms=lambda: now_ms() + ahead_ms)) as sink,
    ):
        alert = hold_alert()
        sink.publish([alert])
        await wait_until_async(lambda: len(recorder.bodies) >= 3, WITHIN_S, "repetitions")
        ends = [datetime.fromisoformat(body[0]["endsAt"]) for body in recorder.bodies]
        assert ends == sorted(ends)
        assert ends[0] < ends[-1], "every repetition extends the life of the alert"
        assert {body[0]["startsAt"] for body in recorder.bodies} == {
            recorder.bodies[0][0]["startsAt"]
        }
        ended = resolved(alert)
        sink.publish([ended])
        # The engine may forget it sooner than receivers have to hear of it.
        sink.publish([])
        seen = len(recorder.bodies)
        await wait_until_async(lambda: len(recorder.bodies) >= seen + 3, WITHIN_S, "its end")
        ahead_ms = 901_000  # a quarter of an hour later
        sink.publish([hold_alert(contract="H0002")])
        await wait_until_async(
            lambda: [one["labels"]["contract"] for one in recorder.bodies[-1]] == ["H0002"],
            WITHIN_S,
            "the other alert alone",
        )


async def test_a_change_of_figures_alone_is_not_sent_at_once() -> None:
    recorder = Recorder()
    async with recorder.serving() as url, running(sink_to(url)) as sink:
        alert = hold_alert()
        sink.publish([alert])
        await wait_until_async(lambda: recorder.bodies, WITHIN_S, "the first statement")
        for value in (170.0, 180.0, 190.0):
            sink.publish([replace(alert, value=value)])
        sink.publish([replace(alert, value=200.0), hold_alert(contract="H0002", key="2")])
        await wait_until_async(lambda: len(recorder.bodies) > 1, WITHIN_S, "the second")
        assert [one["labels"]["contract"] for one in recorder.bodies[1]] == ["H0002"]


async def test_a_refusal_is_counted_and_reported_and_stalls_nothing() -> None:
    recorder = Recorder(web.Response(status=400, text="bad label\x00 name"))
    async with recorder.serving() as url, running(sink_to(url)) as sink:
        sink.publish([hold_alert()])
        status = sink.statuses[0]
        await wait_until_async(lambda: status.refused_total, WITHIN_S, "the refusal")
        assert status.last_error == "answered 400: bad label name"
        sink.publish([hold_alert(), hold_alert(contract="H0002", key="2")])
        await wait_until_async(lambda: status.sent_total, WITHIN_S, "the next is sent")
        assert [one["labels"]["contract"] for one in recorder.bodies[1]] == ["H0002"]


async def test_a_replica_that_asks_for_a_pause_gets_it_and_then_hears_everything() -> None:
    pause = web.Response(status=429, headers={"Retry-After": "1"})
    recorder = Recorder(pause, web.Response(status=503))
    async with recorder.serving() as url, running(sink_to(url)) as sink:
        sink.publish([hold_alert()])
        await wait_until_async(lambda: recorder.bodies, WITHIN_S, "the first try")
        sink.publish([hold_alert(), hold_alert(contract="H0002", key="2")])
        await wait_until_async(lambda: sink.statuses[0].sent_total, WITHIN_S, "the third try")
        assert len(recorder.bodies) == 3
        assert recorder.arrived_s[1] - recorder.arrived_s[0] >= 1.0
        assert len(recorder.bodies[-1]) == 2


async def test_many_alerts_go_out_in_requests_of_bounded_size() -> None:
    recorder = Recorder()
    async with recorder.serving() as url, running(sink_to(url)) as sink:
        sink.publish([hold_alert(key=str(n), contract=f"H{n:04}") for n in range(600)])
        await wait_until_async(lambda: sink.statuses[0].sent_total == 3, WITHIN_S, "all requests")
        told = [one["labels"]["contract"] for body in recorder.bodies for one in body]
        assert sorted(told) == [f"H{n:04}" for n in range(600)]
        assert max(map(len, recorder.bodies)) <= 256
