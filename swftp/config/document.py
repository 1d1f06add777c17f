"""
A configuration as text: ``etc/swftp.conf.sample``, ``swftp print-config``, and the tables of the documentation.

What is written here reads back as the same configuration.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import Field
from typing import Any

from swftp.config.fields import default_of, settings_of, sized
from swftp.config.sections import FAMILIES, PROTOCOLS, SECTIONS, Config

WIDTH = 100


def as_file(config: Config) -> str:
    """
    *config* as a file that names every option; those that have their default are commented out.

    Of protocols that are not served there is no section: that is what says so.
    """
    told = [name for name in SECTIONS if name not in PROTOCOLS or name in config.protocols]
    lines = [line for name in told for line in _section(name, SECTIONS[name], _changed(getattr(config, name)))]
    for family, kind in FAMILIES.items():
        for name, given in getattr(config, f"{family}s") or [("*", {})]:
            lines += _section(f"{family} {name}", kind, given)
    return "\n".join(lines)


def _changed(section: Any) -> dict[str, Any]:
    options = settings_of(type(section)).values()
    values = {option.name: getattr(section, option.name) for option in options}
    return {option.name: values[option.name] for option in options if values[option.name] != default_of(option)}


def _section(name: str, kind: type, given: Mapping[str, Any]) -> Iterator[str]:
    """:param given: what is set in it."""
    yield from _comment(about(kind))
    yield f"[{name}]"
    for option in settings_of(kind).values():
        yield from _comment(explained(option))
        value = given.get(option.name, default_of(option))
        mark = "" if option.name in given else "#"
        yield f"{mark}{option.name} = {shown(value, option.metadata['unit'])}".rstrip()
    yield ""


def _comment(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="#   ")


def about(section: type) -> str:
    """What the docstring of *section* says after its name."""
    return " ".join((section.__doc__ or "").partition(": ")[2].split())


def explained(option: Field[Any]) -> str:
    """Its help, its unit, and what is allowed where that is a list."""
    meta = option.metadata
    choices = " | ".join(filter(None, meta["choices"]))
    notes = "; ".join(filter(None, [meta["unit"], choices]))
    return f"{meta['help']} ({notes})" if notes else str(meta["help"])


def table(name: str) -> str:
    """Section *name*, or the family of that name, as a table in Markdown."""
    rows = ["| option | default | unit | meaning |", "|---|---|---|---|"]
    for option in settings_of({**SECTIONS, **FAMILIES}[name]).values():
        default = shown(default_of(option), option.metadata["unit"])
        choices = ", ".join(f"`{choice}`" for choice in option.metadata["choices"] if choice)
        meaning = option.metadata["help"] + (f" (allowed: {choices})" if choices else "")
        meaning = meaning.replace("|", "\\|")
        rows.append(
            f"| `{option.name}` | {f'`{default}`' if default else ''} | {option.metadata['unit']} | {meaning} |"
        )
    return "\n".join(rows)


def shown(value: Any, unit: str) -> str:
    """*value* as one would write it in the file."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(_word, value))
    if unit == "bytes":
        return sized(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _word(word: str | tuple[str, str]) -> str:
    if isinstance(word, str):
        return word
    name, value = word
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}: "{escaped}"'
