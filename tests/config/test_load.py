"""Every fault is told, all at once, with its line, its key and what is allowed.

Each file in `bad/` has one kind of fault and says in its first lines what has to be told.
"""

import os
from pathlib import Path

import pytest
from config_files import SHORT, faults_of, faults_of_text, load_text

from monitor.config.faults import ConfigError
from monitor.config.load import MAX_BYTES, load

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "config"
EXPECT = "# expect: "


@pytest.mark.parametrize("file", sorted((HERE / "bad").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_bad_file_is_told_every_fault_and_nothing_else(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    expected = [line.removeprefix(EXPECT) for line in lines if line.startswith(EXPECT)]
    assert expected
    assert faults_of(file) == expected


@pytest.mark.parametrize("file", sorted((HERE / "good").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_good_file_loads(file: Path) -> None:
    assert faults_of(file) == []


@pytest.mark.parametrize("name", ["example.yaml", "minimal.yaml"])
def test_the_shipped_configurations_load(name: str) -> None:
    assert faults_of(SHIPPED / name) == []


def test_a_fault_reads_file_line_key_and_message(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(SHORT + "windows: [5m, 90h]\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    (fault,) = caught.value.faults
    assert str(fault) == f"{file}:9: windows[1]: is 90h, 1s to 24h is allowed"
    assert str(caught.value) == str(fault)


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path / "none.yaml")
    assert fault == (
        "1: (file): cannot be read (No such file or directory), "
        f"a readable file of at most {MAX_BYTES} bytes is needed"
    )


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, Path("/dev/zero")):
        (fault,) = faults_of(path)
        assert fault.startswith("1: (file): cannot be read (")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Path("with\0nul"))


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    padding = "# " + "x" * MAX_BYTES + "\n"
    (fault,) = faults_of_text(tmp_path, SHORT + padding)
    assert "larger than" in fault


def test_bad_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    faults = faults_of_text(tmp_path, b"organization: a\nstandard: \xff\xfe\n")
    assert faults == ["2: (file): is no UTF-8 text, save it as UTF-8"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + SHORT.replace("\n", "\r\n").encode()
    assert faults_of_text(tmp_path, content) == []


def test_no_message_repeats_a_password_from_an_address() -> None:
    faults = "\n".join(faults_of(HERE / "bad" / "mqtt_address.yaml"))
    assert "user name in the address" in faults
    assert "hunter2" not in faults


def test_aliases_that_would_grow_without_end_are_refused_at_once(tmp_path: Path) -> None:
    laughs = "a0: &a0 [lol]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 60)
    )
    faults = faults_of_text(tmp_path, SHORT + laughs)
    assert any("uses an anchor or alias" in fault for fault in faults)


def test_many_faults_are_cut_off_with_their_number(tmp_path: Path) -> None:
    faults = faults_of_text(tmp_path, SHORT + "".join(f"key{i}: 1\n" for i in range(5_000)))
    assert len(faults) == 201
    assert faults[-1].endswith("(file): 4800 more faults")


def test_many_values_and_deep_nesting_are_refused(tmp_path: Path) -> None:
    many = "queues: [" + "a," * 120_000 + "a]\n"
    assert "too many values" in faults_of_text(tmp_path, SHORT + many)[0]
    for brackets in ("[", "{a: ", "- "):
        assert "nested too deeply" in faults_of_text(tmp_path, "a: \n  " + brackets * 20_000)[0]


def test_many_overlapping_patterns_end_soon(tmp_path: Path) -> None:
    lines = "".join(
        f"      - {{name: l{i}, kind: tty, queues: ["
        + ", ".join(f'"*{i}x{j}*"' for j in range(10))
        + "]}\n"
        for i in range(90)
    )
    text = SHORT.replace("sources:", lines + "sources:")
    assert len(faults_of_text(tmp_path, text)) == 201


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    config = load_text(Path("elsewhere"), SHORT + "store: {path: data/monitor.db}\n")
    assert config.store.path == tmp_path / "elsewhere" / "data" / "monitor.db"
    config = load_text(tmp_path, SHORT + "store: {path: /srv/monitor.db}\n")
    assert config.store.path == Path("/srv/monitor.db")
