"""An alert that the tests of the sinks tell, and a sink that runs while they look."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from snapshots import make_alert

from monitor.core.snapshot import Alert
from monitor.core.standards import Measure
from monitor.sinks.alertmanager import AlertmanagerSink
from monitor.sinks.webhook import WebhookSink

START_MS = 1_772_463_600_000

Sink = TypeVar("Sink", AlertmanagerSink, WebhookSink)


def firing(key: str = "a", **changes: object) -> Alert:
    """Too many disconnects in a queue of the alert's own name."""
    own = {
        "key": key,
        "rule": "too-many-disconnects",
        "severity": "warning",
        "scope": f"queue/{key}",
        "labels": {"organization": "Example", "queue": key},
        "measure": Measure.DISCONNECT_RATIO,
        "window_ms": 3_600_000,
        "breached_ms": START_MS,
        "fired_ms": START_MS + 300_000,
        "value": 0.0612,
        "limit": 0.05,
        "numerator": 60,
        "denominator": 980,
        "clause": "42 CFR 422.111(h)(1)(ii)(D)",
    }
    return make_alert(**(own | changes))


@asynccontextmanager
async def running(sink: Sink) -> AsyncIterator[Sink]:
    task = asyncio.create_task(sink.run())
    try:
        yield sink
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
