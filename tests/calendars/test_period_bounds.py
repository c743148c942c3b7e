"""Periods follow each other without gap or overlap in every zone, whatever the clocks do."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.calendars.period_bounds import containing, previous
from monitor.core.periods import PeriodKind

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
LAWS = settings(max_examples=300, deadline=None, print_blob=True)


def epoch_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


instants_ms = st.integers(epoch_ms("1970-01-02T00:00Z"), epoch_ms("2100-01-01T00:00Z"))
kinds = st.sampled_from(PeriodKind)


@LAWS
@given(at_ms=instants_ms, zone=st.sampled_from(ZONES), kind=kinds)
def test_every_instant_lies_in_its_period_and_periods_touch(
    at_ms: int, zone: str, kind: PeriodKind
) -> None:
    period = containing(kind, at_ms, zone)
    assert period.start_ms <= at_ms < period.end_ms
    assert containing(kind, period.start_ms, zone) == period
    assert containing(kind, period.end_ms - 1, zone) == period
    assert containing(kind, period.end_ms, zone).start_ms == period.end_ms
    assert previous(period).end_ms == period.start_ms
    assert previous(containing(kind, period.end_ms, zone)) == period


@LAWS
@given(at_ms=instants_ms, zone=st.sampled_from(ZONES))
def test_days_make_months_and_months_make_quarters(at_ms: int, zone: str) -> None:
    for inner, outer in pairwise(PeriodKind):
        whole = containing(outer, at_ms, zone)
        part = containing(inner, whole.start_ms, zone)
        assert part.start_ms == whole.start_ms
        count = 1
        while part.end_ms < whole.end_ms:
            part = containing(inner, part.end_ms, zone)
            count += 1
        assert part.end_ms == whole.end_ms
        assert count == 3 if outer is PeriodKind.QUARTER else 27 <= count <= 31


@pytest.mark.parametrize(
    ("kind", "at", "zone", "start", "end"),
    [
        ("day", "2026-03-08T12:00-07:00", "America/Los_Angeles", "2026-03-08T08:00Z", 23),
        ("day", "2026-11-01T12:00-08:00", "America/Los_Angeles", "2026-11-01T07:00Z", 25),
        ("day", "2026-11-01T12:00-07:00", "America/Phoenix", "2026-11-01T07:00Z", 24),
        ("month", "2026-02-28T23:59:59-05:00", "America/New_York", "2026-02-01T05:00Z", 28 * 24),
        ("month", "2026-03-01T00:00-05:00", "America/New_York", "2026-03-01T05:00Z", 31 * 24 - 1),
        ("quarter", "2026-12-31T12:00Z", "UTC", "2026-10-01T00:00Z", 92 * 24),
        ("quarter", "2026-05-05T12:00Z", "Asia/Kathmandu", "2026-03-31T18:15Z", 91 * 24),
        # The clocks of Cairo leap over the midnight with which this day should begin.
        ("day", "2023-04-28T12:00+03:00", "Africa/Cairo", "2023-04-27T22:00Z", 23),
        # Samoa had no December 30.
        ("day", "2011-12-31T12:00+14:00", "Pacific/Apia", "2011-12-30T10:00Z", 24),
    ],
)
def test_bounds_are_the_midnights_of_the_zone(
    kind: str, at: str, zone: str, start: str, end: int
) -> None:
    period = containing(PeriodKind(kind), epoch_ms(at), zone)
    assert (period.kind, period.zone) == (kind, zone)
    assert period.start_ms == epoch_ms(start)
    assert period.end_ms - period.start_ms == end * HOUR_MS


def test_days_of_a_zone_begin_when_its_calendar_turns() -> None:
    clock = ZoneInfo("Australia/Lord_Howe")  # whose summer time is half an hour
    at_ms = epoch_ms("2026-01-01T00:00Z")
    seen = set[date]()
    for _ in range(366):
        period = containing(PeriodKind.DAY, at_ms, "Australia/Lord_Howe")
        first, last = (
            datetime.fromtimestamp(edge_ms / 1000, UTC).astimezone(clock)
            for edge_ms in (period.start_ms, period.end_ms - 1)
        )
        assert first.date() == last.date()
        assert (first.hour, first.minute) == (0, 0)
        seen.add(first.date())
        at_ms = period.end_ms
    assert len(seen) == 366
