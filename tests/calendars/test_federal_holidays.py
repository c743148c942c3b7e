"""Federal holidays are those of the government's own lists, with the days of observance."""

from datetime import date

import pytest

from monitor.calendars.federal_holidays import federal_holidays, is_christmas, is_thanksgiving

# As the Office of Personnel Management lists them for pay and leave.
OBSERVED = {
    2022: "01-17 02-21 05-30 06-20 07-04 09-05 10-10 11-11 11-24 12-26",
    2023: "01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-10 11-23 12-25",
    2024: "01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25",
    2025: "01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25",
    2026: "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25",
    2027: "01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31",
}
# The dates themselves, where they fall on a Saturday or Sunday.
ON_WEEKENDS = {
    2022: "01-01 06-19 12-25",
    2023: "01-01 11-11",
    2024: "",
    2025: "",
    2026: "07-04",
    2027: "06-19 07-04 12-25",
}


@pytest.mark.parametrize("year", OBSERVED)
def test_the_holidays_of_a_year(year: int) -> None:
    listed = f"{OBSERVED[year]} {ON_WEEKENDS[year]}".split()
    assert sorted(federal_holidays(year)) == sorted(
        date.fromisoformat(f"{year}-{day}") for day in listed
    )


def test_thanksgiving_and_christmas() -> None:
    assert [
        day for day in (date(2027, 11, number) for number in range(1, 31)) if is_thanksgiving(day)
    ] == [date(2027, 11, 25)]
    assert is_christmas(date(2027, 12, 25))
    assert not is_christmas(date(2027, 12, 24))
    for year in OBSERVED:
        (thanksgiving,) = [
            day for day, name in federal_holidays(year).items() if "Thanksgiving" in name
        ]
        assert is_thanksgiving(thanksgiving)


def test_every_holiday_has_a_name() -> None:
    assert federal_holidays(2026)[date(2026, 7, 3)] == "Independence Day (observed)"
    assert federal_holidays(2026)[date(2026, 5, 25)] == "Memorial Day"
