"""What people may say about outages, and what is refused before anything is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from snapshots import make_snapshot
from web_parts import HandBoard, serving

from monitor.core.outages.book import OutageBook
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.inputs import Declared, Input, Noted, RestoredByHand
from monitor.core.outages.watched import Watched
from monitor.core.plan import HOUR_MS
from monitor.web.outages_actions import Hands, OutageActions

NOW_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z
NAMES = ("organization", "contract/H1", "contract/H2")
DECLARE = {"action": "declare", "contract": "H1", "why": "trunks down", "who": "Example Name"}


@dataclass
class Desk:
    """Takes up what is handed in, as the engine does."""

    book: OutageBook | None = field(
        default_factory=lambda: OutageBook(
            ContinuityPlan(),
            NAMES,
            (Watched("H1", 1, (1,)), Watched("H2", 2, (2,))),
            0,
            lambda _contract, _deadline_ms: None,
        )
    )
    given: list[Input] = field(default_factory=list)
    reason: str | None = None
    handed: asyncio.Event = field(default_factory=asyncio.Event)
    committed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.committed.set()

    async def hand_in(self, one: Input) -> None:
        self.given.append(one)
        self.handed.set()
        await self.committed.wait()
        assert self.book is not None
        if isinstance(one, Declared):
            self.book.declare(one.contract, one.onset_ms, NOW_MS, one.who, one.why)
        elif isinstance(one, Noted | RestoredByHand):
            outage = self.book.find(one.outage)
            assert outage is not None
            if isinstance(one, Noted):
                self.book.note(outage, NOW_MS, one.who, one.text)
            elif outage.is_open:
                self.book.restore(outage, one.restored_ms, NOW_MS, one.who, one.why)


@asynccontextmanager
async def desk(**given: Any) -> AsyncIterator[tuple[Desk, "Say"]]:  # noqa: ANN401
    made = Desk(**given)
    hands = Hands(lambda: made.book, made.hand_in, lambda: NOW_MS, lambda: made.reason)
    async with (
        serving(HandBoard(make_snapshot()), signed_routes=[OutageActions(hands).route]) as server,
        aiohttp.ClientSession() as session,
    ):
        yield made, Say(session, f"{server.url}api/v1/outages")


@dataclass
class Say:
    session: aiohttp.ClientSession
    url: str

    async def __call__(self, body: object) -> tuple[int, Any]:
        async with self.session.post(self.url, json=body) as answer:
            return answer.status, await answer.json()


async def test_declare_note_and_restore_are_answered_with_the_outage() -> None:
    async with desk() as (made, say):
        status, outage = await say({**DECLARE, "onset": "2025-10-09T04:30:00-04:00"})
        assert status == 200
        assert outage["onset_ms"] == NOW_MS - HOUR_MS // 2
        assert outage["deadline_ms"] == outage["onset_ms"] + 72 * HOUR_MS
        assert (outage["state"], outage["restored_ms"], outage["met_deadline"]) == (
            "outage",
            None,
            None,
        )
        note = {"action": "note", "outage": "H1", "text": "carrier called", "who": "one"}
        assert await say(note) == (200, outage)
        restore = {"action": "restore", "outage": outage["id"], "why": "tested", "who": "one"}
        status, after = await say(restore)
        assert (status, after["state"], after["restored_ms"]) == (200, "normal", NOW_MS)
        assert (after["restored_by"], after["met_deadline"]) == ("one", True)
        assert (await say(restore))[0] == 409
        early = {**DECLARE, "onset": "2025-10-09T08:59:00Z"}
        status, answer = await say(early)
        assert (status, "before the restoration" in answer["error"]) == (400, True)
        assert len(made.given) == 3


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"contract": "H9"}, 404, "none of H1, H2"),
        ({"who": None}, 400, "who: is missing"),
        ({"who": "  "}, 400, "who: has 0 characters"),
        ({"who": "x" * 129}, 400, "who: has 129 characters"),
        ({"why": ""}, 400, "why: has 0"),
        ({"why": "x" * 2_001}, 400, "1 to 2000"),
        ({"why": "a\nb"}, 400, "control characters"),
        ({"why": "\u202eabc"}, 400, "control characters"),
        ({"why": "call 415-555-0137"}, 400, "telephone number"),
        ({"who": "+1 (415) 555 0137"}, 400, "telephone number"),
        ({"onset": "yesterday"}, 400, "RFC 3339"),
        ({"onset": "2025-10-09T08:00:00"}, 400, "RFC 3339"),
        ({"onset": "2025-10-09T10:00:00Z"}, 400, "future"),
        ({"onset": "2023-10-09T10:00:00Z"}, 400, "a year back"),
        ({"action": "stop"}, 400, "none of declare, note and restore"),
        ({"more": 1}, 400, "unknown field"),
        ({"contract": 1}, 400, "Expected `str`"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_reason_and_nothing_is_kept(
    change: dict[str, Any], status: int, told: str
) -> None:
    async with desk() as (made, say):
        found, answer = await say(DECLARE | change)
        assert (found, told in answer["error"]) == (status, True), answer
        assert made.given == []
        for action in ("note", "restore"):
            body = {"action": action, "outage": "H1", "who": "one"}
            found, _ = await say({**body, "text" if action == "note" else "why": "x"})
            assert found == 404


@pytest.mark.parametrize(
    "text",
    [
        "5550137 called",
        "415.555.0137",
        "tel4155550137",
        "(415) 555-0137",
        "+44 20 7946 0018",
        "member 123456789012",
        "ssn 078-05-1120",
        "٤١٥٥٥٥٠١٣٧",
    ],
)
async def test_what_looks_like_a_number_of_a_caller_is_refused(text: str) -> None:
    async with desk() as (made, say):
        assert (await say({**DECLARE, "why": text}))[0] == 400
        assert made.given == []


@pytest.mark.parametrize(
    "text",
    [
        "INC0012345 at the carrier",
        "since 2025-10-09T08:30:00 and 2025-10-09 08:45",
        "2 of 24 trunks, 1500 calls, 72 hours",
        "H0001 and S0002, port 5061",
        "élan vital",
    ],
)
async def test_tickets_instants_and_counts_may_be_named(text: str) -> None:
    async with desk() as (_, say):
        assert (await say({**DECLARE, "why": text}))[0] == 200


async def test_it_is_answered_only_when_it_is_kept() -> None:
    async with desk() as (made, say):
        made.committed.clear()
        saying = asyncio.create_task(say(DECLARE))
        await made.handed.wait()
        assert not saying.done()
        made.committed.set()
        assert (await saying)[0] == 200


async def test_no_more_than_some_wait_for_the_journal() -> None:
    async with desk() as (made, say):
        made.committed.clear()
        tasks = [asyncio.create_task(say(DECLARE)) for _ in range(40)]
        refused, waiting = set[asyncio.Task[Any]](), set(tasks)
        while len(refused) < 24:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            refused |= done
        assert {task.result()[0] for task in refused} == {429}
        made.committed.set()
        assert [status for status, _ in await asyncio.gather(*tasks)].count(200) == 16


async def test_nothing_is_taken_while_nothing_can_be() -> None:
    async with desk(reason="the daemon ends") as (made, say):
        assert (await say(DECLARE))[0] == 503
        assert made.given == []
    async with desk(book=None) as (made, say):
        assert (await say(DECLARE))[0] == 404
