"""Whatever is in the file, load ends soon with a configuration or with listed faults."""

from pathlib import Path

import pytest
import yaml
from config_files import SHORT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.config.document import DocumentError, read
from monitor.config.explain import explain
from monitor.config.faults import ConfigError
from monitor.config.load import load
from monitor.config.model import Config
from monitor.config.section import Section

SHIPPED = (Path(__file__).parents[2] / "config" / "example.yaml").read_text(encoding="utf-8")

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.dates()
    | st.sampled_from(["cms", "5m", "H0001", "mqtts://b.example", "82%", "tty", "acd/s/#", "*"])
)
keys = st.sampled_from(
    sorted(
        {
            field.alias or name
            for section in Section.__subclasses__()
            for name, field in section.model_fields.items()
        }
    )
) | st.text(max_size=5)
structures = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=30,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "config.yaml"


def _load(file: Path, content: bytes) -> Config | None:
    file.write_bytes(content)
    try:
        return load(file)
    except ConfigError as error:
        for fault in error.faults:
            assert fault.line >= 1
            assert fault.where
            assert len(str(fault).splitlines()) == 1
        return None


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b"")
@example(b"\x00")
@example(b"&a *a")
@example(b"? ? ?")
@example(b'"\\UFFFFFFFF"')
@example(b"%YAML 9.9\n---\na")
@example(b"%TAG ! x\n--- !a b")
@example(b"a: !!binary x")
@example(b"- - - &b {*b : c}")
@example("a: \ud7ff\ue000\U0010ffff".encode())
def test_any_bytes(file: Path, content: bytes) -> None:
    _load(file, content)


@settings(deadline=None)
@given(st.text("ab: -[]{}&*!|>'\"%@`#,?\n\t~0159.eE_x", max_size=80))
def test_any_punctuation(file: Path, text: str) -> None:
    _load(file, text.encode())


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(keys, structures, max_size=8))
def test_any_structure(file: Path, data: dict[str, object]) -> None:
    _load(file, yaml.safe_dump(data, allow_unicode=True).encode())


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(SHIPPED)), st.integers(0, 60), st.text(max_size=6))
def test_the_example_with_a_piece_replaced(file: Path, at: int, size: int, piece: str) -> None:
    config = _load(file, (SHIPPED[:at] + piece + SHIPPED[at + size :]).encode())
    if config is not None:
        file.write_text(explain(config), encoding="utf-8")
        assert load(file) == config


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(SHORT.splitlines()), structures)
def test_the_short_file_with_a_value_replaced(file: Path, line: str, value: object) -> None:
    written = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n")
    _load(file, SHORT.replace(line, f"{line.partition(':')[0]}: {written}").encode())


@settings(deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 9) | st.booleans()))
def test_plain_documents_read_as_the_library_reads_them(data: dict[str, object]) -> None:
    text = yaml.safe_dump(data)
    assert read(text).data == yaml.safe_load(text)


def test_both_parsers_of_the_library_are_held_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = read(SHIPPED)
    monkeypatch.setattr("monitor.config.document._LOADER", yaml.SafeLoader)
    assert read(SHIPPED) == usual
    for text in ("\x00", '"\\UFFFFFFFF"', "a: [", "\t- a", "&a *a", "!<%", "a" * 70_000 + ":"):
        with pytest.raises(DocumentError):
            read(text)
