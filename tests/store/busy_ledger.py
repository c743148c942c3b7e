"""Child process of the ledger's crash test: appends without end and says what was acknowledged.

Usage: busy_ledger.py DATABASE. As a daemon that replays its journal it begins with entries that
are there already. Each line on stdout was true when it was written: `KEY` is on disk.
"""

import asyncio
import sys
from pathlib import Path

from store.ledger_parts import BASE_MS, entry

from monitor.core.ledger import LedgerEntry
from monitor.store.records import JournalRecord
from monitor.store.store import Store

_REPLAYED = 25


async def write(store: Store, first: int, step: int) -> None:
    n = max(0, first - step * _REPLAYED)
    while True:
        entries: list[LedgerEntry] = [entry(n), entry(n + step)]
        record = JournalRecord(n, "pbx1", "events", 1, entry(n).key.encode())
        last_id = await store.append([record], entries=entries, recorded_ms=BASE_MS + n)
        sys.stdout.write("".join(f"{one.key}\n" for one in entries))
        sys.stdout.flush()
        if n % 50 == 0:
            await store.save_checkpoint(last_id, n, "hash", {"state": b"x" * 50_000})
        n += step


async def main() -> None:
    store = Store.open(Path(sys.argv[1]))
    first = store.ledger_head.n
    await asyncio.gather(*(write(store, first - first % 3 + task, 3) for task in range(3)))


if __name__ == "__main__":
    asyncio.run(main())
