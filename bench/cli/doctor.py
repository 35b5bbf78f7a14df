"""``bench doctor``."""

from __future__ import annotations

from bench.cli.console import print_json, print_table
from bench.cli.options import Json


def doctor(as_json: Json = False) -> None:
    """Say what this machine is, and which devices, versions, weights and data are found."""
    from bench.compute.environment import doctor as examine

    found = examine()
    if as_json:
        print_json(found)
        return
    for section, facts in found.items():
        rows = facts.items() if isinstance(facts, dict) else [("", facts)]
        print_table(section, ("", ""), ((key, _short(value)) for key, value in rows))


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "—" if value is None else str(value)
