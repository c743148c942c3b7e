"""Required hours against every minute of ten years, judged by the words of the rule alone.

The oracle goes from each UTC minute to what the clock on the wall shows and asks the regulation's
sentences about it. The program goes the other way, from days on the wall to instants.
"""

import importlib.resources
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.calendars.required_hours import HoursRule, RequiredHours, calendar
from monitor.calendars.rules import MedicareHours, Span, WeeklyHours
from monitor.core.calendar import Calendar, Duty

MINUTE_MS = 60_000
FIRST, LAST = 2022, 2031
# One of each behaviour: with and without summer time, on both sides of the date line.
ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Adak",
    "Pacific/Honolulu",
    "America/Puerto_Rico",
    "Pacific/Guam",
    "Pacific/Pago_Pago",
)
CONTRACTS = (
    ("America/Los_Angeles", "America/Phoenix"),
    ("America/New_York", "Pacific/Guam"),
    ("America/Puerto_Rico", "America/New_York", "Pacific/Honolulu"),
    ZONES,
)
AMERICAN = {"US", "PR", "VI", "GU", "AS", "MP", "UM"}


def minutes_ms(step: int = 1, years: tuple[int, int] = (FIRST, LAST)) -> NDArray[np.int64]:
    """Every minute of the ten years, or every `step`th of some."""
    first, last = (int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (years[0], years[1] + 1))
    return np.arange(first, last, 60 * step, dtype=np.int64) * 1_000


def all_american_zones() -> list[str]:
    """What the tz database lists for the United States and its territories."""
    table = importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab"
    rows = [line.split("\t") for line in table.read_text().splitlines() if line[:1] != "#"]
    return [row[2].strip() for row in rows if row[0] in AMERICAN]


@cache
def exceptions() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Days, counted from 1970, that the winter clause and "any Federal holiday" in summer name."""
    winter, summer = [], []
    for year in range(FIRST - 1, LAST + 2):
        november = [date(year, 11, day) for day in range(1, 31)]
        winter += [[day for day in november if day.strftime("%a") == "Thu"][3], date(year, 12, 25)]
        may = [date(year, 5, day) for day in range(1, 32)]
        september = [date(year, 9, day) for day in range(1, 31)]
        summer.append([day for day in may if day.strftime("%a") == "Mon"][-1])
        summer.append(next(day for day in september if day.strftime("%a") == "Mon"))
        for fixed in (date(year, 6, 19), date(year, 7, 4)):
            shift = {"Sat": -1, "Sun": 1}.get(fixed.strftime("%a"), 0)
            summer += [fixed, fixed + timedelta(days=shift)]
    epoch = date(1970, 1, 1)
    return (
        np.array([(day - epoch).days for day in winter]),
        np.array([(day - epoch).days for day in summer]),
    )


def wall_minutes(zone: str, at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the clock of `zone` shows, minutes from 1970. American clocks change at full hours."""
    where = ZoneInfo(zone)
    hour_of = at_ms // 3_600_000
    hours = np.arange(hour_of[0], hour_of[-1] + 1)
    offsets = np.array(
        [
            datetime.fromtimestamp(hour * 3_600, where).utcoffset() // timedelta(minutes=1)  # type: ignore[operator]
            for hour in hours.tolist()
        ],
        np.int64,
    )
    return np.asarray(at_ms // MINUTE_MS + offsets[hour_of - hours[0]])


def owed_in(zone: str, at_ms: NDArray[np.int64]) -> NDArray[np.int8]:
    """2 where the regulation wants the line open, 1 where it may record messages, else 0."""
    wall = wall_minutes(zone, at_ms)
    days, minute = np.divmod(wall, 24 * 60)
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    summer = (month >= 4) & (month <= 9)
    weekend = (days + 3) % 7 >= 5  # 1970-01-01 was a Thursday.
    winter_days, summer_days = exceptions()
    may_close = np.where(summer, weekend | np.isin(days, summer_days), np.isin(days, winter_days))
    from_8_to_20 = (minute >= 8 * 60) & (minute < 20 * 60)
    return np.where(from_8_to_20, np.where(may_close, 1, 2), 0).astype(np.int8)


@cache
def owed_every_minute(zone: str) -> NDArray[np.int8]:
    return owed_in(zone, minutes_ms())


def medicare(*zones: str) -> Calendar:
    return calendar(RequiredHours(HoursRule("cms", "", tuple(map(MedicareHours, zones)))))


# -- Medicare's hours ---------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
def test_every_minute_of_ten_years_in_one_zone(zone: str) -> None:
    assert np.array_equal(medicare(zone).duties(minutes_ms()), owed_every_minute(zone))


@pytest.mark.parametrize("zones", CONTRACTS, ids=lambda zones: f"{len(zones)}-{zones[-1]}")
def test_every_minute_of_ten_years_in_all_zones_of_a_contract(zones: tuple[str, ...]) -> None:
    expected = np.maximum.reduce([owed_every_minute(zone) for zone in zones])
    assert np.array_equal(medicare(*zones).duties(minutes_ms()), expected)


def test_all_zones_of_the_united_states() -> None:
    zones = all_american_zones()
    assert set(ZONES) <= set(zones)
    # Holidays of summer fall on weekends in both years.
    at_ms = minutes_ms(60, (2026, 2027))
    for zone in zones:
        assert np.array_equal(medicare(zone).duties(at_ms), owed_in(zone, at_ms)), zone


@pytest.mark.parametrize("zones", [*((zone,) for zone in ZONES), CONTRACTS[1]], ids="+".join)
def test_one_at_a_time_is_as_many_at_once(zones: tuple[str, ...]) -> None:
    hours = medicare(*zones)
    at_ms = minutes_ms(7 * 61)
    expected = np.maximum.reduce([owed_in(zone, at_ms) for zone in zones])
    assert [hours.duty(at) for at in at_ms.tolist()] == expected.tolist()


def test_open_time_is_the_number_of_open_minutes() -> None:
    for zones in CONTRACTS:
        owed = np.maximum.reduce([owed_every_minute(zone) for zone in zones])
        at_ms = minutes_ms()
        hours = medicare(*zones)
        total_ms = hours.required_ms(int(at_ms[0]), int(at_ms[-1]) + MINUTE_MS)
        assert total_ms == int((owed == Duty.REQUIRED).sum()) * MINUTE_MS
        spans = hours.required_spans(int(at_ms[0]), int(at_ms[-1]) + MINUTE_MS)
        assert sum(end - start for start, end in spans) == total_ms


def test_changes_are_where_the_minutes_change() -> None:
    at_ms = minutes_ms()
    owed = owed_every_minute("America/Anchorage")
    changes = at_ms[1:][owed[1:] != owed[:-1]].tolist()
    hours = medicare("America/Anchorage")
    found, change_ms = [], hours.next_change(int(at_ms[0]))
    while change_ms is not None and change_ms <= at_ms[-1]:
        found.append(change_ms)
        change_ms = hours.next_change(change_ms)
    assert found == changes


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [("2026-03-07", 13), ("2026-03-08", 12), ("2026-10-31", 12), ("2026-11-01", 13)],
)
def test_the_day_opens_at_8_on_the_wall_on_either_side_of_a_change_of_the_clock(
    day: str, utc_hour: int
) -> None:
    opens = datetime.fromisoformat(f"{day}T{utc_hour}:00:00+00:00")
    hours = medicare("America/New_York")
    opens_ms = int(opens.timestamp() * 1_000)
    assert (hours.is_required(opens_ms - 1), hours.is_required(opens_ms)) == (False, True)
    closes_ms = opens_ms + 12 * 60 * MINUTE_MS
    assert hours.next_change(opens_ms) == closes_ms
    assert hours.last_open_before(closes_ms + 3_600_000) == closes_ms
    assert hours.last_open_before(closes_ms - 1) == closes_ms - 1


def test_christmas_itself_may_be_closed_and_the_day_of_its_observance_not() -> None:
    hours = medicare("America/Phoenix")
    noon_ms = int(datetime(2027, 12, 24, 19, tzinfo=UTC).timestamp() * 1_000)
    assert hours.duty(noon_ms) is Duty.REQUIRED
    assert hours.duty(noon_ms + 24 * 60 * MINUTE_MS) is Duty.PERMITTED


def test_between_the_evening_of_one_zone_and_the_morning_of_a_far_one_nothing_is_owed() -> None:
    hours = medicare("America/New_York", "Pacific/Guam")
    day_ms = int(datetime(2026, 1, 14, tzinfo=UTC).timestamp() * 1_000)
    spans = hours.required_spans(day_ms, day_ms + 24 * 60 * MINUTE_MS)
    hour_ms = 60 * MINUTE_MS
    assert [((a - day_ms) // hour_ms, (b - day_ms) // hour_ms) for a, b in spans] == [
        (0, 10), (13, 24),
    ]  # fmt: skip


# -- hours of every week, where clocks do odd things --------------------------------------------

# A zone and a day near which its clock changes: at night, at midnight, by half an hour, by a day.
ODD = (
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/St_Johns", date(2011, 3, 13)),
    ("America/St_Johns", date(2011, 11, 6)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("America/Phoenix", date(2026, 12, 31)),
)
# Clocks change at night: most spans begin and end there.
cuts_of_a_day = st.integers(0, 4 * 12) | st.integers(22 * 12, 24 * 12) | st.integers(0, 24 * 12)
spans_of_a_day = st.lists(cuts_of_a_day, max_size=8, unique=True).map(
    lambda cuts: tuple(
        (sorted(cuts)[at] * 5, sorted(cuts)[at + 1] * 5) for at in range(0, len(cuts) - 1, 2)
    )
)


def open_minutes(zone: str, week: tuple[tuple[Span, ...], ...], at_ms: list[int]) -> list[bool]:
    """Minute by minute: from the first to the last time the wall shows a time of the span."""
    seen: dict[tuple[date, Span], list[int]] = {}
    for index, at in enumerate(at_ms):
        wall = datetime.fromtimestamp(at // 1_000, ZoneInfo(zone))
        for span in week[wall.weekday()]:
            if span[0] <= wall.hour * 60 + wall.minute < span[1]:
                seen.setdefault((wall.date(), span), []).append(index)
    found = [False] * len(at_ms)
    for indices in seen.values():
        for index in range(indices[0], indices[-1] + 1):
            found[index] = True
    return found


@example(ODD[9], ((), (), (), (), (), ((0, 24 * 60),), ()))
@settings(deadline=None, max_examples=60)
@given(odd=st.sampled_from(ODD), week=st.tuples(*[spans_of_a_day] * 7))
def test_a_week_of_hours_minute_by_minute_around_changes_of_the_clock(
    odd: tuple[str, date], week: tuple[tuple[Span, ...], ...]
) -> None:
    zone, day = odd
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    start_ms = int(noon.timestamp() * 1_000) - 3 * 24 * 60 * MINUTE_MS
    at_ms = [start_ms + minute * MINUTE_MS for minute in range(6 * 24 * 60)]
    hours = calendar(RequiredHours(HoursRule("days", "", (WeeklyHours(zone, week),))))
    expected = open_minutes(zone, week, at_ms)
    # The first and the last day may have been seen in part only.
    inner = slice(24 * 60, -24 * 60)
    assert [hours.is_required(at) for at in at_ms[inner]] == expected[inner]
    counted = sum(expected[inner]) * MINUTE_MS
    assert hours.required_ms(at_ms[inner][0], at_ms[inner][-1] + MINUTE_MS) == counted


@pytest.mark.parametrize(
    ("day", "span", "expected"),
    [
        # 01:30 comes twice, at 05:30 and 06:30 UTC: it opens the first time and closes the second.
        ("2026-11-01", (90, 180), ("05:30", "08:00")),
        ("2026-11-01", (0, 90), ("04:00", "06:30")),
        ("2026-11-01", (70, 90), ("05:10", "06:30")),
        # 01:00 comes twice too, but from the first on it is never earlier again.
        ("2026-11-01", (0, 60), ("04:00", "05:00")),
        ("2026-11-01", (60, 120), ("05:00", "07:00")),
        # 02:30 never comes: it opens or closes at the jump, at 07:00 UTC.
        ("2026-03-08", (150, 240), ("07:00", "08:00")),
        ("2026-03-08", (60, 150), ("06:00", "07:00")),
        ("2026-03-08", (130, 170), None),
    ],
)
def test_what_opens_or_closes_at_a_time_that_comes_twice_or_never(
    day: str, span: Span, expected: tuple[str, str] | None
) -> None:
    week = ((span,),) * 7
    hours = calendar(RequiredHours(HoursRule("", "", (WeeklyHours("America/New_York", week),))))
    start = datetime.fromisoformat(f"{day}T04:00:00+00:00")
    start_ms = int(start.timestamp() * 1_000)
    found = [
        tuple(f"{datetime.fromtimestamp(edge // 1_000, UTC):%H:%M}" for edge in edges)
        for edges in hours.required_spans(start_ms, start_ms + 12 * 60 * MINUTE_MS)
    ]
    assert found == ([] if expected is None else [expected])


def test_pharmacies_of_two_regions_are_one_another_s_hours() -> None:
    early = WeeklyHours("America/New_York", (((7 * 60, 15 * 60),),) * 7)
    late = WeeklyHours("America/Los_Angeles", (((14 * 60, 24 * 60),),) * 7)
    hours = calendar(RequiredHours(HoursRule("cms-pharmacy", "", (early, late))))
    day_ms = int(datetime(2026, 1, 14, tzinfo=UTC).timestamp() * 1_000)
    spans = hours.required_spans(day_ms, day_ms + 24 * 60 * MINUTE_MS)
    hour_ms = 60 * MINUTE_MS
    assert [((a - day_ms) // hour_ms, (b - day_ms) // hour_ms) for a, b in spans] == [
        (0, 8), (12, 20), (22, 24),
    ]  # fmt: skip
