"""Secrets come from files that no stranger can read, or from the environment, and go nowhere."""

import os
from pathlib import Path

import pytest
from config_files import SHORT, faults_of_text, load_text

from monitor.config.explain import explain
from monitor.config.secrets_file import (
    MAX_BYTES,
    SecretError,
    check_private,
    check_readable,
    read_environment,
    read_secret,
    secret_of,
    token_of,
)

SECRET = "correct horse"


def private(path: Path, content: str | bytes = SECRET, mode: int = 0o640) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_newline_at_the_end_is_no_part_of_a_secret(tmp_path: Path, end: str) -> None:
    assert read_secret(private(tmp_path / "s", SECRET + end)) == SECRET


def test_spaces_are_part_of_a_secret(tmp_path: Path) -> None:
    assert read_secret(private(tmp_path / "s", f" {SECRET} \n")) == f" {SECRET} "


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o642, 0o666])
def test_a_file_open_to_everybody_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = private(tmp_path / "s", mode=mode)
    for check in (read_secret, check_private):
        with pytest.raises(SecretError, match=f"mode {mode:04o}.*run chmod o-rwx") as caught:
            check(file)
        assert SECRET not in str(caught.value)
    check_readable(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff" + SECRET.encode(), "no UTF-8"),
        (b"a\0b", "NUL"),
        (b"x" * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_what_can_be_no_secret_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(SecretError, match=reason) as caught:
        read_secret(private(tmp_path / "s", content))
    assert SECRET not in repr(caught.value)
    assert not isinstance(caught.value.__cause__, UnicodeDecodeError)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (pipe, tmp_path, tmp_path / "none", Path("/dev/zero"), Path("a\0b")):
        with pytest.raises(SecretError, match="cannot be read"):
            read_secret(path)


def test_a_secret_comes_from_its_file_or_else_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCM_SECRET", "from the environment")
    assert secret_of(private(tmp_path / "s"), None) == SECRET
    assert secret_of(None, "CCM_SECRET") == "from the environment"
    assert secret_of(None, None) is None
    monkeypatch.setenv("CCM_SECRET", "")
    with pytest.raises(SecretError, match="CCM_SECRET"):
        read_environment("CCM_SECRET")


def _with_files(password: Path, key: Path, secret: Path, users: Path) -> str:
    return SHORT.replace(
        "  - {name: pbx1, format: normalized, mqtt: {url: mqtts://b.example}}\n",
        f"""\
  - name: pbx1
    format: normalized
    mqtt:
      url: mqtts://broker.example
      username: monitor
      password_file: {password.name}
      cert_file: {key.name}
      key_file: {key.name}
alerts:
  channels:
    - {{name: ops, webhook: {{url: "https://hooks.example", secret_file: {secret.name}}}}}
http:
  listen: "0.0.0.0:9108"
  cert_file: {key.name}
  key_file: {key.name}
  users_file: {users.name}
""",
    )


def test_the_files_of_a_configuration_are_looked_at_when_it_is_loaded(tmp_path: Path) -> None:
    files = [private(tmp_path / name) for name in ("password", "key", "secret", "users")]
    text = _with_files(*files)
    load_text(tmp_path, text)
    for file in files:
        file.chmod(0o644)
    told = faults_of_text(tmp_path, text)
    assert [fault.split(": ")[1] for fault in told] == [
        "sources[0].mqtt.password_file",
        "sources[0].mqtt.key_file",
        "alerts.channels[0].webhook.secret_file",
        "http.key_file",
        "http.users_file",
    ]
    assert all("chmod o-rwx" in fault for fault in told)
    for file in files:
        file.unlink()
    absent = faults_of_text(tmp_path, text)
    assert len(absent) == 7
    assert all("No such file or directory" in fault for fault in absent)


def test_a_variable_that_is_not_set_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CCM_PASSWORD", raising=False)
    text = SHORT.replace(
        "url: mqtts://b.example",
        "url: mqtts://b.example, username: m, password_env: CCM_PASSWORD",
    )
    assert faults_of_text(tmp_path, text) == [
        "8: sources[0].mqtt.password_env: the environment has no CCM_PASSWORD, set it"
    ]
    monkeypatch.setenv("CCM_PASSWORD", SECRET)
    assert SECRET not in explain(load_text(tmp_path, text))


def test_explain_never_prints_what_is_in_a_secret_file(tmp_path: Path) -> None:
    files = [private(tmp_path / name) for name in ("password", "key", "secret", "users")]
    told = explain(load_text(tmp_path, _with_files(*files)))
    assert SECRET not in told
    assert str(tmp_path / "password") in told


PUSHES = SHORT + "  - {name: dialer, format: normalized, http: {token_file: token}}\n"


@pytest.mark.parametrize(
    "token",
    ["", "fifteen letters", "0123456789abcde", "sixteen letters !", "caf\u00e9" * 9, "x" * 513],
)
def test_a_token_that_is_short_or_fits_no_header_is_refused(tmp_path: Path, token: str) -> None:
    file = private(tmp_path / "token", token + "\n")
    (fault,) = faults_of_text(tmp_path, PUSHES)
    assert fault.startswith("9: sources[1].http.token_file: ")
    assert str(file) in fault
    assert not token or token not in fault


def test_a_token_is_private_and_told_nowhere(tmp_path: Path) -> None:
    token = "0123456789abcdef"
    file = private(tmp_path / "token", token + "\n")
    assert token not in explain(load_text(tmp_path, PUSHES))
    assert token_of(file, None) == token
    file.chmod(0o644)
    (fault,) = faults_of_text(tmp_path, PUSHES)
    assert "chmod o-rwx" in fault


def test_two_sources_have_two_tokens(tmp_path: Path) -> None:
    private(tmp_path / "token", "0123456789abcdef")
    vendor = "  - {name: vendor, format: normalized, http: {token_file: token}}\n"
    assert faults_of_text(tmp_path, PUSHES + vendor) == [
        "10: sources[2].http.token_file: is that of source dialer, a token of its own is needed"
    ]
