"""Runs every benchmark, each in a process of its own, and writes the table of RESULTS.md.

The prose around the table is left as it is. `--quick` makes a short run that shows whether
everything works; its figures are marked as such.

    PYTHONPATH=.:tests python tests/benchmarks/run_all.py [--quick] [NAME ...]
"""

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec
from figures import JSON_OPTION, QUICK_OPTION, SEED, Figure, table

from monitor.clock import Clock

_HERE: Final = Path(__file__).resolve().parent
_ROOT: Final = _HERE.parents[1]
_RESULTS: Final = _HERE / "RESULTS.md"
_BEGIN: Final = "<!-- table: begin -->\n"
_END: Final = "<!-- table: end -->\n"
_NAMES: Final = (
    "decoding",
    "engine",
    "replay",
    "daemon",
    "latency",
    "tick",
    "scrape",
    "memory",
    "startup",
    "forecast",
    "simulation",
)
_PACKAGES: Final = (
    "aiomqtt",
    "msgspec",
    "numpy",
    "paho-mqtt",
    "pandas",
    "prometheus-client",
    "river",
)
_WITHIN_S: Final = 3_600


def run(name: str, *, quick: bool) -> list[Figure]:
    """Run one benchmark.

    Raises:
        subprocess.SubprocessError: It has failed or hung; its errors are on stderr.
    """
    command = [sys.executable, str(_HERE / f"bench_{name}.py"), JSON_OPTION]
    if quick:
        command.append(QUICK_OPTION)
    path = os.pathsep.join((str(_ROOT), str(_ROOT / "tests")))
    done = subprocess.run(
        command,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
        timeout=_WITHIN_S,
    )
    return msgspec.json.decode(done.stdout, type=list[Figure])


def heading(*, quick: bool) -> str:
    """When, where and with what the figures were taken."""
    at = datetime.fromtimestamp(Clock().now_ms() / 1000, UTC)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    kind = "A short run (`--quick`); " if quick else ""
    return (
        f"{kind}{at:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores ({_processor()}), "
        f"{platform.system()} {platform.release()}, load before the run {load}.\n"
        f"Python {platform.python_version()}, {_versions()}. Seed {SEED}.\n"
    )


def _versions() -> str:
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write_results(text: str) -> None:
    """Put the text between the markers of RESULTS.md."""
    page = _RESULTS.read_text()
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _RESULTS.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def main() -> None:
    """Run all, or those named; only a run of all is written to RESULTS.md.

    One that fails is left out of the table, and the exit code is 1.
    """
    parser = argparse.ArgumentParser(description="Run the benchmarks and write RESULTS.md.")
    parser.add_argument(QUICK_OPTION, action="store_true", help="a short run, marked as such")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"only these, not written: {', '.join(_NAMES)}"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(_NAMES))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}: choose from {', '.join(_NAMES)}")
    quick, named = options.quick, options.names
    text = heading(quick=quick)
    figures: list[Figure] = []
    failed: list[str] = []
    for name in named or _NAMES:
        sys.stderr.write(f"{name} ...\n")
        try:
            figures += run(name, quick=quick)
        except subprocess.SubprocessError as fault:
            failed.append(f"{name}: {fault}")
    text = f"{text}\n{table(figures)}\n"
    print(text)
    if not named:
        write_results(text)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
