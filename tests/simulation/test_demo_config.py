"""The demo's configuration fits the day that it shows."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from monitor.config.load import load
from monitor.config.plan import to_plan
from monitor.simulation.bad_day import BAD_DAY_QUEUES, BAD_DAY_SITES, BAD_DAY_SOURCE
from monitor.simulation.demo_config import demo_config_yaml


def test_every_queue_and_number_of_the_day_belongs_to_a_line_that_is_always_open() -> None:
    text = demo_config_yaml("mqtt://127.0.0.1:1883", "127.0.0.1:9108", "demo.db")
    config = yaml.safe_load(text)
    lines = [line for contract in config["contracts"] for line in contract["lines"]]
    for queue in BAD_DAY_QUEUES:
        assert any(
            queue.dnis in line["dnis"]
            and any(fnmatchcase(queue.key, pattern) for pattern in line["queues"])
            for line in lines
        ), queue.key
    assert {line["hours"] for line in lines} == {"always"}
    assert config["sources"][0]["name"] == BAD_DAY_SOURCE
    assert tuple(config["sites"]) == BAD_DAY_SITES


def test_it_is_a_valid_configuration(tmp_path: Path) -> None:
    file = tmp_path / "demo.yaml"
    file.write_text(
        demo_config_yaml("mqtt://127.0.0.1:1883", "127.0.0.1:9108", str(tmp_path / "demo.db"))
    )
    plan = to_plan(load(file))
    assert [contract.id for contract in plan.contracts] == ["H0001", "H0002"]
    assert plan.sources == (BAD_DAY_SOURCE,)
    assert plan.sites == BAD_DAY_SITES


@pytest.mark.parametrize("path", ["a b.db", 'quote".db', "# not a comment.db", "über.db", "a: b"])
def test_what_is_put_in_arrives_whatever_it_contains(path: str) -> None:
    config = yaml.safe_load(demo_config_yaml("mqtt://h:1", "127.0.0.1:0", path))
    assert config["store"]["path"] == path
    assert config["http"]["listen"] == "127.0.0.1:0"
    assert config["sources"][0]["mqtt"]["url"] == "mqtt://h:1"
