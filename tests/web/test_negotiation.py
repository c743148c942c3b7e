"""Which form a client gets for what it says it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.negotiation import takes_gzip, wants_openmetrics

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "is_openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; Version=1.0.0", True),
        ('application/openmetrics-text; version="1.0.0"', True),
        ("application/openmetrics-text; version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.5", True),
        ("text/plain, application/openmetrics-text", True),
        ("application/openmetrics-text;q=nonsense", False),
        ("application/openmetrics-text;q=7", False),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
    ],
)
def test_openmetrics_is_for_those_who_ask_for_it(accept: str, is_openmetrics: bool) -> None:  # noqa: FBT001
    assert wants_openmetrics(accept) is is_openmetrics


@pytest.mark.parametrize(
    ("accept_encoding", "is_gzip"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP;q=1.0", True),
        ("x-gzip", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("deflate, br", False),
        ("deflate, gzip;q=0.2, *;q=0", True),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
    ],
)
def test_gzip_is_for_those_who_take_it(accept_encoding: str, is_gzip: bool) -> None:  # noqa: FBT001
    assert takes_gzip(accept_encoding) is is_gzip


@given(st.text(max_size=60) | st.text(st.sampled_from('a/*;=q,.01 "'), max_size=60))
def test_no_header_is_too_strange_to_be_answered(header: str) -> None:
    wants_openmetrics(header)
    takes_gzip(header)
