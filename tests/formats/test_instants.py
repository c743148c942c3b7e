"""Instants are read strictly, and as an independent reader reads them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.formats.instants import instant_ms, rfc3339_ms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)  # noqa: DTZ001


@given(at=instants, separator=st.sampled_from(["T", "t", " "]), is_utc=st.booleans())
def test_rfc3339_means_what_the_standard_library_reads(
    at: datetime, separator: str, *, is_utc: bool
) -> None:
    at = at.astimezone(UTC) if is_utc else at
    text = at.isoformat(sep=separator)
    text = text.replace("+00:00", "Z") if is_utc else text
    exact_us = (at - EPOCH) // timedelta(microseconds=1)
    assert rfc3339_ms(text) == (exact_us + 500) // 1000


@given(st.text(st.sampled_from("0123456789-:TtZz+. "), max_size=32))
def test_what_is_not_rfc3339_with_offset_is_none_or_readable_elsewhere(text: str) -> None:
    if rfc3339_ms(text) is not None:
        assert datetime.fromisoformat(text.upper().replace(":60", ":59")).tzinfo is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2025-10-09T08:53:20.9996Z", 1_760_000_001_000),
        ("2025-10-09T08:53:20.123456789Z", 1_760_000_000_123),
        ("2025-10-09T10:53:20+02:00", 1_760_000_000_000),
        ("2025-10-09T08:53:20-00:00", 1_760_000_000_000),
        ("2025-10-09T08:53:20-02:00", 1_760_007_200_000),
        ("2025-10-09T08:53:20+02:30", 1_759_991_000_000),
        ("2025-10-09T08:53:21Z", 1_760_000_001_000),
        ("2025-02-29T08:53:20Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("2025-10-09T08:53:20", None),
        ("2025-10-09T08:53:20+24:00", None),
        ("2025-10-09T08:53:61Z", None),
        ("2025-10-09T08:53:20Z\n", None),
    ],
)
def test_edges_of_rfc3339(text: str, expected: int | None) -> None:
    assert rfc3339_ms(text) == expected


@given(st.integers(1_000, 10**14))
def test_seconds_with_milliseconds_come_back_exactly(at_ms: int) -> None:
    assert instant_ms(at_ms / 1000) == at_ms
