"""Recorded calls for the daemon to watch, and what it must have counted when they are over.

The recording is a cut of the bank's table, so the program reads the same bytes as an operator's
would. What must come out is counted from `bank_table`'s facts, apart from the program.

`late` is special: a counter must not go down, so a call that looks late until its answer arrives
stays in the shown total until another is late. On a clock that runs hundreds of times too fast a
few milliseconds of delivery are enough for that. So `late` has a floor and a ceiling here, and is
compared exactly where it may go down: in a window of the API that holds the whole recording.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bank_table import BankCall, bank_events, load_bank
from daemon import Daemon, Metrics, Publisher, Rehearsal, contract_config, publishing
from real_parts import Mosquitto, wait_until
from recount import NO_QUEUE, BankRecount

QUEUES: Final = ("IN", "NE", "NW", "PE", "PS", "TT")
EDGES_S: Final = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800)
THRESHOLD_MS: Final = 30_000
_OUTCOMES: Final = ("completed", "transferred", "abandoned", "dequeued", "disconnected", "unknown")
_WINDOW_COUNTS: Final = (
    "offered", "answered", "answered_within", "late", "abandoned", "abandoned_within", "dequeued",
    "dequeued_within", "disconnected", "disconnected_within", "ended", "calls_made", "wait_ms_sum",
)  # fmt: skip


@dataclass(frozen=True)
class BankDay:
    """A recording and its facts.

    Attributes:
        path: The table.
        calls: Every call in it.
    """

    path: Path
    calls: list[BankCall]

    @property
    def event_count(self) -> int:
        """How many events the calls are."""
        return len(bank_events(self.calls))

    @property
    def first_ms(self) -> int:
        """When the first event happened."""
        return min(call.started_ms for call in self.calls)

    @property
    def last_ms(self) -> int:
        """When nothing changes any more: every call has ended, and every late one is late."""
        return max(max(call.ended_ms, (call.queued_ms or 0) + THRESHOLD_MS) for call in self.calls)

    def at_ms(self, clock: Rehearsal, recorded_ms: int) -> int:
        """The instant of the rehearsal on which one of the recording falls."""
        return clock.start_s * 1000 + recorded_ms - self.first_ms


def cut(
    table: Path,
    to: Path,
    dates: Sequence[str],
    *,
    hours: tuple[int, int] = (0, 24),
    talk_max_s: int = 86_400,
) -> BankDay:
    """Write the calls of some days that arrived in some hours, all onto the first of the days.

    Args:
        table: The bank's table.
        to: The file to write.
        dates: As in the table, such as 990803.
        hours: First hour, and the one before which the last calls arrive.
        talk_max_s: Calls that took longer are left out; some of the table last for hours, and so
            would the test.
    """
    header, *rows = table.read_text(encoding="ascii").splitlines()
    kept = []
    for row in rows:
        cells = row.split("\t")
        hour = int(cells[6].split(":")[0])
        is_wanted = cells[5] in dates and hours[0] <= hour < hours[1]
        if is_wanted and int(cells[15]) <= talk_max_s:
            # The line is part of the call's id, which must stay unique among all days.
            cells[0] += f".{cells[5]}"
            cells[5] = dates[0]
            kept.append("\t".join(cells))
    to.write_text("\n".join([header, *kept, ""]), encoding="ascii")
    return BankDay(to, load_bank(to))


def playing(
    day: BankDay, broker: Mosquitto, clock: Rehearsal, *, options: Sequence[str] = ()
) -> AbstractContextManager[Publisher]:
    """Play a recording into a broker in the background, as the source `bank`."""
    return publishing(
        day.path,
        form="anonymous-bank",
        broker_url=broker.url,
        clock=clock,
        source="bank",
        options=options,
    )


def bank_config(
    sources: Sequence[Mapping[str, Any]],
    rules: Sequence[Mapping[str, Any]] = (),
    channels: Sequence[Mapping[str, Any]] = (),
    **more: object,
) -> dict[str, Any]:
    """A configuration for the bank's queues: two contracts, one of them with two lines."""
    return {
        "organization": "Example Bank Health",
        "contracts": [
            contract_config("H0001", members=["PS", "PE"], internet=["IN"]),
            contract_config("H0002", stocks=["NE", "NW", "TT"]),
        ],
        "sources": list(sources),
        "alerts": {"rules": list(rules), "channels": list(channels)},
        # The bank's lines of 1999 were no Medicare lines; what is counted is the matter here.
        "continuity": {"watch": False},
        **more,
    }


@dataclass(frozen=True)
class Expected:
    """What the counters must say, sample by sample: (name, labels) to value.

    Attributes:
        exact: Every counter but `late`.
        late: For each queue, the least and the most that it may show.
    """

    exact: dict[tuple[str, frozenset[tuple[str, str]]], float]
    late: dict[str, tuple[int, int]]

    def differences(self, value: Callable[..., float]) -> dict[str, tuple[float, object]]:
        """What is not as expected: sample to (found, expected).

        Args:
            value: Called with a name and labels.
        """
        wrong: dict[str, tuple[float, object]] = {}
        for (name, labels), expected in self.exact.items():
            found = value(name, **dict(labels))
            if abs(found - expected) > 1e-6:
                wrong[f"{name}{sorted(labels)}"] = (found, expected)
        for queue, (least, most) in self.late.items():
            found = value("callcenter_service_level_decided_total", queue=queue, result="late")
            if not least <= found <= most:
                wrong[f"late of {queue!r}"] = (found, (least, most))
        return wrong


def expected_of(calls: Sequence[BankCall], queues: Sequence[str] = QUEUES) -> Expected:
    """Count what must be shown of some queues, and of no queue, when all of `calls` are over."""
    recount = BankRecount(calls)
    exact: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    late: dict[str, tuple[int, int]] = {}
    for queue in ("", *queues):
        scope = f"queue/{queue}" if queue else NO_QUEUE
        total = recount.lifetime(scope)
        ends = Counter(call.end for call in calls if (call.queue or "") == queue)

        def say(name: str, value: float, queue: str = queue, **labels: str) -> None:
            exact[f"callcenter_{name}", frozenset({"queue": queue, **labels}.items())] = value

        say("calls_made_total", total["calls_made"])
        say("calls_offered_total", total["offered"])
        for outcome in _OUTCOMES:
            say("calls_ended_total", ends[f"call.{outcome}"], outcome=outcome)
        decided = "service_level_decided_total"
        say(decided, total["answered_within"], result="within")
        unanswered = 0
        for end in ("abandoned", "dequeued", "disconnected"):
            say(decided, total[f"{end}_within"], result=end)
            unanswered += total[f"{end}_within"]
        late[queue] = (total["late"], total["late"] + total["answered_within"] + unanswered)
        holds_ms = [
            call.wait_ms for call in calls if call.answered_ms is not None and call.queue == queue
        ]
        for edge in EDGES_S:
            below = sum(hold_ms <= edge * 1000 for hold_ms in holds_ms)
            say("hold_seconds_bucket", below, le=f"{float(edge)}")
        say("hold_seconds_bucket", len(holds_ms), le="+Inf")
        say("hold_seconds_count", total["answered"])
        say("hold_seconds_sum", total["wait_ms_sum"] / 1000)
    return Expected(exact, late)


def wait_counted(
    daemon: Daemon,
    day: BankDay,
    clock: Rehearsal,
    timeout_s: float,
    *,
    queues: Sequence[str] = QUEUES,
) -> Metrics:
    """Wait until the recording is over for the daemon too, and return what it shows then.

    Its counters of `queues` have to equal the recount, within some seconds for the last to come in.
    How many events were accepted is no measure: what is delivered twice is accepted twice.
    """
    over_s = day.at_ms(clock, day.last_ms) / 1000 + 1
    daemon.wait_metric("callcenter_monitor_snapshot_timestamp_seconds", over_s, timeout_s)
    expected, found = expected_of(day.calls, queues), [Metrics("")]

    def agrees() -> bool:
        found[0] = daemon.metrics()
        return not expected.differences(found[0].value)

    try:
        wait_until(agrees, 20.0, "the counters to equal the recount")
    except TimeoutError as late:
        wrong = expected.differences(found[0].value)
        raise AssertionError(f"found and expected: {wrong}; {daemon.log_tail()}") from late
    return found[0]


def check_whole_window(daemon: Daemon, day: BankDay, *, window: str = "24h") -> None:
    """Compare a window that still holds the whole recording: every count, `late` included."""
    recount = BankRecount(day.calls)
    records = daemon.api(f"windows?window={window}&scope=organization&scope=queue/*")["windows"]
    found = {record["scope"]: record for record in records}
    for scope in recount.scopes:
        total = recount.lifetime(scope)
        counts = {name: found[scope][name] for name in _WINDOW_COUNTS}
        assert counts == {name: total[name] for name in _WINDOW_COUNTS}, scope
        assert found[scope]["waiting"] == 0
