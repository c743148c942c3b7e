"""Two patterns overlap exactly when some name is matched by both."""

from fnmatch import fnmatchcase
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from monitor.config.patterns import is_pattern, matches, matching, overlap

patterns = st.text("ab*?", max_size=4)
# A shortest name that two patterns of at most 4 letters share has at most 8.
NAMES = ["".join(letters) for size in range(9) for letters in product("abc", repeat=size)]


@given(patterns, patterns)
def test_overlap_is_a_name_in_common(left: str, right: str) -> None:
    common = any(fnmatchcase(name, left) and fnmatchcase(name, right) for name in NAMES)
    assert overlap(left, right) == common
    assert overlap(right, left) == common
    assert matching(left, NAMES) == [name for name in NAMES if fnmatchcase(name, left)]


@given(st.text(max_size=8))
def test_a_name_matches_itself_and_star_matches_everything(name: str) -> None:
    assert matches(name, name)
    assert matches("*", name)
    assert overlap("*", name)
    assert overlap(name, name)


def test_a_plain_name_matches_nothing_else() -> None:
    assert not is_pattern("a[b]")
    assert not matches("a[b]", "ab")
