"""Watches call centers in real time and judges them by the standards that bind a health plan."""

__version__ = "0.1.0"
