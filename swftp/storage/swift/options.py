"""How files are kept in Swift, as an administrator may want it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How files are kept in Swift."""

    layout: str = "slo"
    """``slo``: large files in segments; ``plain``: every file one object, to the store's limit (5 GiB)."""
    segments_suffix: str = "_segments"
    """Of the container that holds a container's segments."""
    hide_segments: bool = True
    """Leave containers with that suffix out of listings."""
    times_in_listings: bool = True
    """Keep modification times in the Content-Type, too, which Swift returns in listings."""
    tree_limit: int = 10_000
    """Objects that a directory may hold to be renamed."""
    page_size: int = 10_000
    """Names asked for in one listing request, if the store allows as many."""
