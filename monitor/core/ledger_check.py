"""Whether a ledger is as it was written, and if not, which row is the first bad one and why.

That a row is bad is certain: its hash does not follow from the row before it. Why is told from the
rows behind it, whose stored hashes still say what stood there: if they fit the bad row's own hash,
its content was changed; if they fit when it is left out, it was inserted; and so on. When several
things were done at once, the place is still that of the first.

The invariant: of a row that is not bad, everything before it is as it was written, unless all
hashes were made anew; only a head that was noted elsewhere tells that.

Pure: no I/O, no clock.
"""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from monitor.core.ledger import GENESIS, LedgerHead, LedgerRow, hash_of

# So many rows that were removed, with all later ones renumbered, are recognised as such.
_REMOVED_MAX: Final = 64


class Flaw(enum.StrEnum):
    """What is wrong with a row."""

    CHANGED = "changed"
    MISSING = "missing"
    OUT_OF_ORDER = "out of order"
    INSERTED = "inserted"


@dataclass(frozen=True, slots=True)
class BadRow:
    """The first row that is not as it was written.

    Attributes:
        n: Its place.
        flaw: What is wrong.
        row: What stands there now, or what follows a missing one; None when nothing does.
    """

    n: int
    flaw: Flaw
    row: LedgerRow | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check has found.

    Attributes:
        head: The last row up to which all is well.
        bad: The first that is not; None when all is well.
    """

    head: LedgerHead
    bad: BadRow | None


def check(rows: Iterable[LedgerRow], noted: LedgerHead | None) -> Checked:
    """Check rows, from the first on, in the order of their numbers.

    Args:
        rows: All of the ledger; read once, up to the first bad row and as far as is needed to say
            what is wrong with it.
        noted: The end as the store has noted it beside the rows, which tells when rows at the end
            are gone; None when that is not known.
    """
    rest = iter(rows)
    n, before, recorded_ms = 0, GENESIS, 0
    bad: BadRow | None = None
    for row in rest:
        expected = n + 1
        is_beyond = noted is not None and expected > noted.n
        if row.n < expected or is_beyond:
            bad = BadRow(row.n, Flaw.INSERTED, row)
        elif row.n > expected:
            is_later = any(other.n == expected for other in rest)
            bad = BadRow(expected, Flaw.OUT_OF_ORDER if is_later else Flaw.MISSING, row)
        elif hash_of(before, row, row.n) != row.hash:
            bad = BadRow(expected, _flaw(before, row, rest, noted), row)
        elif noted is not None and noted.n == row.n and noted.hash != row.hash:
            bad = BadRow(expected, Flaw.CHANGED, row)
        if bad is not None:
            break
        n, before, recorded_ms = row.n, row.hash, row.recorded_ms
    if bad is None and noted is not None and noted.n > n:
        bad = BadRow(n + 1, Flaw.MISSING, None)
    return Checked(LedgerHead(n, before, recorded_ms), bad)


def _flaw(before: str, row: LedgerRow, rest: Iterator[LedgerRow], noted: LedgerHead | None) -> Flaw:
    """What is wrong with `row`, which does not follow from the hash `before`."""
    after = next(rest, None)
    if after is None:
        is_shorter = noted is not None and noted.n > row.n
        return Flaw.MISSING if is_shorter else Flaw.CHANGED
    if _fits(before, after, row.n):
        # It stood here. Either the two have changed places, or all later ones were moved on.
        if _fits(after.hash, row, row.n + 1):
            return Flaw.OUT_OF_ORDER
        third = next(rest, None)
        is_moved = third is None or _fits(after.hash, third, third.n - 1)
        return Flaw.INSERTED if is_moved else Flaw.OUT_OF_ORDER
    if _fits(row.hash, after, after.n) or _fits(hash_of(before, row, row.n), after, after.n):
        return Flaw.CHANGED
    if any(_fits(row.hash, after, after.n + moved) for moved in range(1, _REMOVED_MAX + 1)):
        return Flaw.MISSING
    return Flaw.OUT_OF_ORDER if any(_fits(before, it, row.n) for it in rest) else Flaw.CHANGED


def _fits(before: str, row: LedgerRow, n: int) -> bool:
    """Whether `row` was number `n` behind `before`."""
    try:
        return hash_of(before, row, n) == row.hash
    except ValueError:
        return False  # the hash that stands there is no hash
