"""What explain prints is the whole configuration: it loads to an equal one."""

from pathlib import Path

import pytest
from config_files import SHORT, load_text
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.document import is_plain_text, read
from monitor.config.explain import explain
from monitor.config.load import load
from monitor.config.model import Config
from monitor.config.section import Section

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "config"
GOOD = [*sorted((HERE / "good").glob("*.yaml")), *sorted(SHIPPED.glob("*.yaml"))]


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_what_is_explained_loads_to_an_equal_configuration(file: Path, tmp_path: Path) -> None:
    config = load(file)
    again = load_text(tmp_path, explain(config))
    assert again == config
    assert explain(again) == explain(config)


def test_every_key_of_the_model_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCM_TOKEN", "0123456789abcdef")
    text = SHORT + "  - {name: dialer, format: normalized, http: {token_env: CCM_TOKEN}}\n"
    text += "alerts: {channels: [{name: a, webhook: {url: https://x.example}}]}\n"
    closed = "{from: 2026-07-04 08:00, to: 2026-07-04 09:00, reason: a, zone: America/Phoenix}"
    open_ = "{zone: America/Phoenix, hours: always}"
    text = text.replace(
        "    lines:\n", f"    closures: [{closed}]\n    pharmacies: [{open_}]\n    lines:\n"
    )
    text = text.replace(
        "queues: [member-en]",
        "queues: [member-en], expected: [{hours: always, calls_per_hour: 9}]",
        1,
    )
    told = explain(load_text(tmp_path, text))
    for section in Section.__subclasses__():
        if section.__name__ == "Alertmanager":
            continue
        for name, field in section.model_fields.items():
            assert f"{field.alias or name}:" in told


names = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=20
).filter(lambda text: text.isprintable() and text == text.strip())
queues = names.filter(lambda text: not set(text) & set("/+#[]") and text != "unconfigured")


@settings(max_examples=100, deadline=None)
@given(
    organization=names | st.sampled_from(["no", "010", "1e3", "1:30", "~", "2024-01-01", "0.5"]),
    line_queues=st.lists(queues, min_size=1, max_size=4, unique=True),
    aliases=st.dictionaries(names, st.integers(0, 3), max_size=4),
)
def test_any_text_survives_being_explained(
    tmp_path_factory: pytest.TempPathFactory,
    organization: str,
    line_queues: list[str],
    aliases: dict[str, int],
) -> None:
    plain = [queue for queue in line_queues if "*" not in queue and "?" not in queue]
    data = {
        "organization": organization,
        "contracts": (
            {
                "id": "H1",
                "name": organization,
                "lines": ({"name": "l", "kind": "tty", "queues": tuple(line_queues)},),
            },
        ),
        "sources": (
            {
                "name": "s",
                "format": "normalized",
                "mqtt": {"url": "mqtts://b.example"},
                "queues": {theirs: plain[at % len(plain)] for theirs, at in aliases.items()}
                if plain
                else {},
            },
        ),
        "alerts": {"rules": ()},
    }
    config = Config.model_validate(data)
    folder = tmp_path_factory.mktemp("explained")
    assert load_text(folder, explain(config)) == config


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=8))
def test_text_that_is_plain_for_us_is_text_for_the_yaml_reader(text: str) -> None:
    if is_plain_text(text) and text.isalnum():
        assert read(f"a: {text}").data == {"a": text}
