"""The register against a naive one: who is open, remembered, silent and forgotten, and when."""

from collections.abc import Iterator

import pytest
from core.made_calls import LAWS
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import register as registers
from monitor.core.calls import UNKNOWN, Call
from monitor.core.plan import SECOND_MS, Limits
from monitor.core.register import CallRegister

SOURCE = "pbx"
START_MS = 1_760_000_000_000
LIMITS = Limits(open_calls=50, ended_calls=4, ended_for_ms=20_000, call_age_ms=10_000)

steps = st.lists(
    st.tuples(
        st.sampled_from(("see", "see", "close", "close", "tick", "tick", "excuse", "link")),
        st.integers(0, 7),
    ),
    max_size=60,
)


@pytest.fixture(autouse=True)
def cleared_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have line-ups made anew long before they grow large."""
    monkeypatch.setattr(registers, "_PASSED_OVER", 2)


class Naive:
    """The same by looking at everything each time."""

    def __init__(self) -> None:
        self.touched_ms: dict[str, int] = {}
        self.forget_ms: dict[str, int] = {}  # in the order of the last close
        self.is_linked = True

    def silent(self, now_ms: int) -> list[str]:
        return sorted(
            (
                name
                for name, touched_ms in self.touched_ms.items()
                if name not in self.forget_ms and touched_ms + LIMITS.call_age_ms <= now_ms
            ),
            key=lambda name: self.touched_ms[name],
        )

    def forget(self, now_ms: int) -> None:
        names = list(self.forget_ms)
        while names and (self.forget_ms[names[0]] <= now_ms or len(names) > LIMITS.ended_calls):
            name = names.pop(0)
            if not self.is_linked and len(names) < LIMITS.ended_calls:
                del self.forget_ms[name]
                self.forget_ms[name] = now_ms + LIMITS.ended_for_ms
                names.append(name)
                continue
            del self.forget_ms[name], self.touched_ms[name]


def restarted(register: CallRegister) -> CallRegister:
    """A register that took over from `register`, as after a restart."""
    other = CallRegister(LIMITS)
    other.restore(list(register.calls()), register.remembered())
    other.unlinked = register.unlinked
    return other


def instants() -> Iterator[int]:
    """One instant for each step, so that no two agree."""
    now_ms = START_MS
    while True:
        now_ms += 701
        yield now_ms


@LAWS
@given(steps=steps, restarts=st.sets(st.integers(0, 59)))
def test_register_agrees_with_a_naive_one_whatever_happens(
    steps: list[tuple[str, int]], restarts: set[int]
) -> None:
    register, naive = CallRegister(LIMITS), Naive()
    for at, ((what, number), now_ms) in enumerate(zip(steps, instants(), strict=False)):
        calls, name = register.calls_of(SOURCE), f"c{number}"
        call = calls.get(name)
        if what == "see":
            if call is None:
                register.add(calls, name, now_ms)
            else:
                call.touched_ms = now_ms
                register.reopen(call)
            naive.touched_ms[name] = now_ms
            naive.forget_ms.pop(name, None)
        elif what == "close" and call is not None:
            register.close(call, now_ms)
            naive.forget_ms.pop(name, None)
            naive.forget_ms[name] = now_ms + LIMITS.ended_for_ms
        elif what == "excuse":
            register.excuse(number * SECOND_MS)
            for known in (naive.touched_ms, naive.forget_ms):
                known.update({one: ms + number * SECOND_MS for one, ms in known.items()})
        elif what == "link":
            naive.is_linked = number > 0
            register.unlinked = set() if naive.is_linked else {SOURCE}
        elif what == "tick":
            expected = naive.silent(now_ms)
            assert [one.call_id for one in register.silent_too_long(now_ms)] == expected
            for one in expected:
                register.close(calls[one], now_ms)
                naive.forget_ms[one] = now_ms + LIMITS.ended_for_ms
            register.forget(now_ms)
            naive.forget(now_ms)
            due_ms = register.next_due_ms()
            assert due_ms is not None or not naive.touched_ms
            for one, touched_ms in naive.touched_ms.items():
                when_ms = naive.forget_ms.get(one, touched_ms + LIMITS.call_age_ms)
                assert due_ms is not None
                assert due_ms < when_ms + SECOND_MS
        if at in restarts:
            register = restarted(register)
        assert_agrees(register, naive)


def assert_agrees(register: CallRegister, naive: Naive) -> None:
    calls: dict[str, Call] = {call.call_id: call for call in register.calls()}
    assert set(calls) == set(naive.touched_ms)
    is_open = {name for name, call in calls.items() if call.forget_ms == UNKNOWN}
    assert is_open == set(naive.touched_ms) - set(naive.forget_ms)
    assert register.open_count == len(is_open)
    assert register.ended_count == len(naive.forget_ms)
    assert [call.call_id for call in register.remembered()] == list(naive.forget_ms)


def test_a_call_that_begins_anew_for_ever_takes_no_more_room() -> None:
    register = CallRegister(LIMITS)
    calls = register.calls_of(SOURCE)
    call = register.add(calls, "c", START_MS)
    for now_ms in range(START_MS, START_MS + 5_000):
        register.close(call, now_ms)
        register.reopen(call)
        register.silent_too_long(now_ms)
        register.forget(now_ms)
        held = (register._ended, register._forget_ms, register._first, register._first_due_s)
        assert max(len(line_up) for line_up in held) <= 5
    assert register.open_count == 1
    assert register.ended_count == 0
