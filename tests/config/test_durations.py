"""A duration has one number and one unit, and reads back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.durations import MAX_MS, format_ms, parse


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("0s", 0),
        ("30s", 30_000),
        ("5m", 300_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("1y", 366 * 86_400_000),
    ],
)
def test_units(text: str, duration_ms: int) -> None:
    assert parse(text) == duration_ms
    assert format_ms(duration_ms) == text


def test_ten_years_are_never_shorter_than_ten_years_of_the_calendar() -> None:
    assert parse("10y") >= (365 * 10 + 3) * 86_400_000


@given(st.integers(0, MAX_MS // 1_000))
def test_what_is_formatted_parses_to_the_same(seconds: int) -> None:
    assert parse(format_ms(seconds * 1_000)) == seconds * 1_000


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 m", " 5m", "5m\n", "-5m", "+5m", "05m", "1.5h", "1h30m", "5M", "5w", "\u0665m",
     "101y", "9999999999y", "99999999999s", 5, 5.0, True, None, ("5m",), {}],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_allowed(text: object) -> None:
    with pytest.raises(ValueError, match=r"such as 30s|100y at most"):
        parse(text)
