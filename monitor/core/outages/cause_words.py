"""The evidence of causes in words: the same ones in the API, on the page and in `outage show`.

Pure: no I/O, no clock.
"""

from collections.abc import Callable, Iterator
from typing import Final

from monitor.core.outages.outage import Cause, Causes
from monitor.core.outages.sentences import length_words, place_words
from monitor.core.plan import HOUR_MS

_PPM: Final = 1_000_000
_HUNDRED: Final = 100


def cause_sentences(causes: Causes) -> dict[str, str]:
    """A sentence without its full stop for each cause of which anything is known, by its name."""
    return {
        name: f"{', '.join(parts)} ({place_words(cause.scope)})"
        for name, cause, words in (
            ("demand", causes.demand, _demand),
            ("staffing", causes.staffing, _staffing),
            ("technology", causes.technology, _technology),
        )
        if cause is not None and (parts := list(_said(words, cause)))
    }


def _said(words: Callable[[Cause], Iterator[str]], cause: Cause) -> Iterator[str]:
    unseen = cause.figures.get("sources_unseen")
    if unseen is None:
        yield from words(cause)
    else:
        yield f"not known: {_number(unseen, 'source')} not heard"


def _demand(cause: Cause) -> Iterator[str]:
    figures = cause.figures
    yield f"{_number(figures['offered'], 'call')} in {_window(figures)}"
    told = "" if figures["is_learned"] else " by the hour before"
    share = "" if cause.ratio_ppm is None else f" ({_percent(cause.ratio_ppm)})"
    yield f"{figures['expected']} expected{told}{share}"
    if figures["abandoned_hour"]:
        yield f"{figures['abandoned_hour']} abandoned in the last hour and may call again"


def _staffing(cause: Cause) -> Iterator[str]:
    figures = cause.figures
    yield f"{_number(figures['agents'], 'agent')} there"
    if "agents_before" in figures:
        share = "" if cause.ratio_ppm is None else f" ({_percent(cause.ratio_ppm)})"
        yield f"{figures['agents_before']} before it began{share}"
    yield f"{figures['agents_free']} free"


def _technology(cause: Cause) -> Iterator[str]:
    figures = cause.figures
    share = "" if cause.ratio_ppm is None else f" ({_percent(cause.ratio_ppm)})"
    yield f"{figures['cut_off']} of {_number(figures['ended'], 'call')} cut off{share}"
    if "ignored" in cause.signs:
        silent = length_words(figures.get("without_answer_ms", figures["longest_wait_ms"]))
        free = _number(figures["agents_free"], "free agent")
        yield f"{figures['waiting']} waiting with {free} and no answer for {silent}"
    if "missing" in cause.signs:
        yield f"{figures['offered']} of {figures['expected']} expected calls in {_window(figures)}"


def _window(figures: dict[str, int]) -> str:
    return "the last hour" if figures["window_ms"] == HOUR_MS else "the last 15 minutes"


def _number(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _percent(ppm: int) -> str:
    return f"{ppm * _HUNDRED // _PPM} %"
