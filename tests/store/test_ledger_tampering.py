"""Whatever single thing is done to the file, the check names the very row."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from store.ledger_parts import BASE_MS, entry, tamper

from monitor.core.ledger import LedgerHead, LedgerRow, chain
from monitor.core.ledger_check import BadRow, Flaw, check
from monitor.store.ledger_file import LedgerFile
from monitor.store.store import Store

ROWS = 23
NUMBERS = st.integers(1, ROWS)
COLUMNS = ("at_ms", "recorded_ms", "kind", "subject", "key", "body", "hash")
ALL = "n, at_ms, recorded_ms, kind, subject, key, body, hash"


# How long an example takes hangs on the disk.
LAWS = settings(max_examples=60, deadline=None)


class Copies:
    """A sound database, and a fresh copy of it for each example."""

    def __init__(self, sound: Path) -> None:
        self._sound = sound
        with LedgerFile(sound) as file:
            self.rows = list(file.rows())
            self.head = file.head

    def fresh(self) -> Path:
        copy = self._sound.with_name("copy.db")
        shutil.copyfile(self._sound, copy)
        return copy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    path = tmp_path_factory.mktemp("ledger") / "monitor.db"
    async with Store.open(path) as store:
        for n in range(ROWS):
            await store.append([], entries=[entry(n)], recorded_ms=BASE_MS + n * 1_000 + 7)
    with closing(sqlite3.connect(path)) as connection:
        # One file without a log can be copied as it is.
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    tamper(path)
    return Copies(path)


def found(path: Path) -> BadRow | None:
    with LedgerFile(path) as file:
        return check(file.rows(), file.head).bad


def assert_found(path: Path, n: int, flaw: Flaw) -> None:
    bad = found(path)
    assert bad is not None
    assert (bad.n, bad.flaw) == (n, flaw)


def test_a_sound_file_is_sound(made: Copies) -> None:
    assert found(made.fresh()) is None


@LAWS
@given(n=NUMBERS, column=st.sampled_from(COLUMNS), data=st.data())
def test_a_change_is_found(made: Copies, n: int, column: str, data: st.DataObject) -> None:
    path, held = made.fresh(), getattr(made.rows[n - 1], column)
    if isinstance(held, int):
        other: int | str = data.draw(st.integers(-(2**63), 2**63 - 1).filter(lambda v: v != held))
    else:
        at = data.draw(st.integers(0, len(held) - 1))
        letter = data.draw(st.characters(codec="utf-8", exclude_characters="\0" + held[at]))
        other = held[:at] + letter + held[at + 1 :]
    tamper(path, f"UPDATE ledger SET {column} = :v WHERE n = :n", values={"v": other, "n": n})
    assert_found(path, n, Flaw.CHANGED)


@LAWS
@given(n=NUMBERS)
def test_a_deletion_is_found(made: Copies, n: int) -> None:
    path = made.fresh()
    tamper(path, "DELETE FROM ledger WHERE n = :n", values={"n": n})
    assert_found(path, n, Flaw.MISSING)


@LAWS
@given(n=NUMBERS, count=st.integers(1, ROWS))
def test_deletions_that_are_renumbered_are_found(made: Copies, n: int, count: int) -> None:
    path = made.fresh()
    tamper(
        path,
        "DELETE FROM ledger WHERE n >= :n AND n < :n + :count",
        # In two steps, because a number must not be there twice.
        "UPDATE ledger SET n = -n WHERE n > :n",
        "UPDATE ledger SET n = -n - :count WHERE n < 0",
        values={"n": n, "count": count},
    )
    assert_found(path, n, Flaw.MISSING)


@LAWS
@given(n=st.integers(1, ROWS + 1), like=NUMBERS)
def test_an_insertion_is_found(made: Copies, n: int, like: int) -> None:
    path = made.fresh()
    tamper(
        path,
        "UPDATE ledger SET n = -n WHERE n >= :n",
        "UPDATE ledger SET n = -n + 1 WHERE n < 0",
        f"INSERT INTO ledger SELECT :n, {ALL.replace('n, ', '', 1).replace('key', ':key')}"
        " FROM ledger WHERE key = :like",
        values={"n": n, "like": made.rows[like - 1].key, "key": "forged"},
    )
    assert_found(path, n, Flaw.INSERTED)


@LAWS
@given(n=st.integers(-5, 0) | st.integers(ROWS + 1, ROWS + 9), like=NUMBERS)
def test_a_row_at_a_place_that_is_none_is_found(made: Copies, n: int, like: int) -> None:
    path = made.fresh()
    columns = ALL.replace("n, ", "", 1).replace("key", ":key")
    tamper(
        path,
        f"INSERT INTO ledger SELECT :n, {columns} FROM ledger WHERE n = :like",
        values={"n": n, "like": like, "key": "forged"},
    )
    assert_found(path, n, Flaw.INSERTED)


@LAWS
@given(pair=st.lists(NUMBERS, min_size=2, max_size=2, unique=True))
def test_a_swap_is_found(made: Copies, pair: list[int]) -> None:
    path = made.fresh()
    tamper(
        path,
        "UPDATE ledger SET n = -1 WHERE n = :a",
        "UPDATE ledger SET n = :a WHERE n = :b",
        "UPDATE ledger SET n = :b WHERE n = -1",
        values={"a": pair[0], "b": pair[1]},
    )
    assert_found(path, min(pair), Flaw.OUT_OF_ORDER)


@LAWS
@given(n=NUMBERS)
def test_a_row_that_was_moved_to_the_end_is_missed_at_its_place(made: Copies, n: int) -> None:
    path = made.fresh()
    tamper(path, "UPDATE ledger SET n = :end WHERE n = :n", values={"n": n, "end": ROWS + 40})
    assert_found(path, n, Flaw.MISSING)


@LAWS
@given(n=NUMBERS)
def test_a_ledger_that_was_written_anew_from_a_row_on_shows_against_a_noted_head(
    made: Copies, n: int
) -> None:
    """All hashes fit: only what was noted elsewhere tells."""
    head, forged = LedgerHead(), []
    for number in range(ROWS):
        one = entry(number, forged=True) if number == n - 1 else entry(number)
        row = chain(head, one, BASE_MS + number * 1_000 + 7)
        head = LedgerHead(row.n, row.hash, row.recorded_ms)
        forged.append(row)
    assert check(forged, head).bad is None
    assert check(forged, made.head).bad == BadRow(ROWS, Flaw.CHANGED, forged[-1])
    hashes = {row.hash for row in forged}
    assert [row.hash in hashes for row in made.rows] == [at < n for at in range(1, ROWS + 1)]


def cut(rows: list[LedgerRow], at: int) -> Iterator[LedgerRow]:
    yield from rows[:at]


@LAWS
@given(at=st.integers(0, ROWS - 1))
def test_rows_that_are_gone_at_the_end_show_against_the_head_beside_them(
    made: Copies, at: int
) -> None:
    checked = check(cut(made.rows, at), made.head)
    assert checked.bad == BadRow(at + 1, Flaw.MISSING, None)
    assert checked.head.n == at
    assert check(cut(made.rows, at), None).bad is None


@LAWS
@given(
    order=st.permutations(range(ROWS)).filter(lambda order: order != sorted(order)),
)
def test_rows_that_come_in_another_order_are_found(made: Copies, order: list[int]) -> None:
    bad = check([made.rows[at] for at in order], made.head).bad
    assert bad is not None
    assert bad.flaw is Flaw.OUT_OF_ORDER
    assert bad.n == next(at for at, came in enumerate(order) if at != came) + 1
