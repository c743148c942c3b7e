"""Which calls wait, as the floor supervisor is told."""

import re
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec
import pytest
from snapshots import AT_MS, make_snapshot
from web_parts import HandBoard, serving

from monitor.core.live_calls import LiveCall
from monitor.formats.pseudonyms import Pseudonyms
from monitor.web.calls import CallsPage

NUMBER = "+14155550137"
CALLS = [LiveCall(NUMBER, "rx", 2, AT_MS - 61_000), LiveCall("17.4", "rx", 1, AT_MS + 500)]


def calls_of(scope: str, limit: int) -> Sequence[LiveCall] | None:
    known = {"queue/rx": CALLS, "queue/many": CALLS * 400}
    return known[scope][:limit] if scope in known else None


async def answer_of(
    query: str, *, key: bytes = b"key", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    page = CallsPage(calls_of, lambda: AT_MS, Pseudonyms(key))
    async with (
        serving(HandBoard(make_snapshot()), extra_routes=[page.route]) as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}api/v1/calls?{query}", headers=headers) as answer,
    ):
        body = await answer.read()
        return answer.status, msgspec.json.decode(body) if body[:1] == b"{" else body


async def test_calls_are_told_under_a_stand_in() -> None:
    status, body = await answer_of("scope=queue/rx&state=waiting")
    assert status == 200
    first, second = body["calls"]
    assert re.fullmatch("[0-9a-f]{16}", first.pop("id"))
    assert first == {
        "queue": "rx",
        "stage": "waiting",
        "entry": 2,
        "queued_ms": AT_MS - 61_000,
        "waited_ms": 61_000,
    }
    # Nobody has waited for less than no time, whatever a source's clock says.
    assert second["waited_ms"] == 0
    assert (body["scope"], body["at_ms"], body["is_complete"]) == ("queue/rx", AT_MS, True)
    assert NUMBER[1:] not in str(body)


async def test_the_stand_in_is_the_same_at_the_next_look_and_another_under_another_key() -> None:
    ids = []
    for key in (b"key", b"key", b"another"):
        _, body = await answer_of("scope=queue/rx", key=key)
        ids.append([call["id"] for call in body["calls"]])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert set(ids[0]).isdisjoint(ids[2])
    # It is not the stand-in under which the journal holds the call.
    assert ids[0][0] != Pseudonyms(b"key").call_id(NUMBER)


@pytest.mark.parametrize(("limit", "count"), [("", 100), ("&limit=1", 1), ("&limit=500", 500)])
async def test_answers_are_bounded_and_say_when_there_is_more(limit: str, count: int) -> None:
    _, body = await answer_of(f"scope=queue/many{limit}")
    assert len(body["calls"]) == count
    assert body["is_complete"] is False


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("scope=queue/rx&scope=queue/many", 400),
        ("scope=queue/rx&window=5m", 400),
        ("scope=queue/rx&state=talking", 400),
        ("scope=queue/rx&limit=0", 400),
        ("scope=queue/rx&limit=501", 400),
        ("scope=queue/rx&limit=-1", 400),
        ("scope=queue/rx&limit=1e2", 400),
        ("scope=queue/rx&limit=%D9%A3", 400),
        ("scope=queue/rx&limit=", 400),
        ("scope=queue/nobody", 404),
        ("scope=queue/*", 404),
    ],
)
async def test_a_wrong_question_is_told(query: str, status: int) -> None:
    found, body = await answer_of(query)
    assert found == status
    assert body["error"]


async def test_readers_from_elsewhere_are_refused_as_everywhere() -> None:
    assert (await answer_of("scope=queue/rx", headers={"Via": "1.1 proxy"}))[0] == 403
