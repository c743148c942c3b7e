"""Child process of the crash tests: writes without end and says what was acknowledged.

Usage: busy_writer.py DATABASE ROUND. Each line on stdout was true when it was written:
`journal ID BODY` or `checkpoint JOURNAL_ID` is on disk; `failed MESSAGE` ends the run.
"""

import asyncio
import itertools
import sys
from pathlib import Path

from monitor.store.errors import StoreError
from monitor.store.records import JournalRecord
from monitor.store.store import Store


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def write(store: Store, name: str) -> None:
    for n in itertools.count():
        body = f"{name}.{n}." + "x" * (n * 37 % 3000)
        last_id = await store.append([JournalRecord(n, "pbx1", "events", 1, body.encode())])
        say(f"journal {last_id} {body}")
        if n % 20 == 19:
            part = f"state at {last_id}".encode() * 2000
            if await store.save_checkpoint(last_id, n, "hash", {"state": part}):
                say(f"checkpoint {last_id}")


async def main() -> None:
    store = Store.open(Path(sys.argv[1]))
    try:
        await asyncio.gather(*(write(store, f"{sys.argv[2]}.{task}") for task in range(4)))
    except StoreError as fault:
        say(f"failed {fault}")
        again = await asyncio.gather(store.append([]), return_exceptions=True)
        say(f"again {type(again[0]).__name__}")
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
