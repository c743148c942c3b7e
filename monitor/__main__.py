"""`python -m monitor` is `callcenter-monitor`."""

from monitor.cli import main

main()
