"""How the times of a log are written, found by looking at some of them; never guessed where two readings fit."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from recloop.data.readers.log import milliseconds, start_of

ENOUGH = (
    0.99  # share of the values that a way of writing must explain; the others are set aside later
)
EARLIEST, LATEST = 1980, 2100  # years of a plausible log
UNITS = {  # the values from 1990 to 2040; the four ranges do not touch
    unit: (631_152_000 * factor, 2_208_988_800 * factor)
    for unit, factor in {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}.items()
}
FORMATS = (
    *(f"%Y{a}%m{a}%d{b}%H:%M:%S%.f%#z" for a in "-/" for b in ("T", " ")),
    *(f"%Y{a}%m{a}%d{b}%H:%M:%S%.f" for a in "-/." for b in ("T", " ")),
    *(f"%Y{a}%m{a}%d{b}%H:%M" for a in "-/." for b in ("T", " ")),
    *(f"%Y{a}%m{a}%d" for a in "-/."),
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%a %b %d %H:%M:%S %z %Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d %b %Y, %H:%M",
    "%d %b %Y %H:%M:%S",
    "%d-%b-%Y",
)
COMPACT = (
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
)  # these look like numbers, so that a name has to say it is a time
CLOCKS = ("", " %H:%M", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p")


def ways(values: pl.Series, named: bool) -> list[dict]:
    """List the ways in which text can be read as times: `unit`, or `format`.

    Args:
        values: text of some events; empty ones do not count.
        named: whether the column's name says that these are times.
    """
    values = values.drop_nulls().str.strip_chars()
    values = values.filter(values != "")
    if values.is_empty():
        return []
    numbers = values.cast(pl.Float64, strict=False)
    if (numbers.is_not_null()).mean() >= ENOUGH:
        found = [{"unit": unit} for unit, span in UNITS.items() if _within(numbers, span)]
        return found or ([way for way in _formats(COMPACT) if named and _reads(values, way)])
    found = [way for way in _formats(FORMATS) if _reads(values, way)]
    return found[:1] or [way for way in _formats(_days_and_months()) if _reads(values, way)]


def is_clock(values: pl.Series) -> bool:
    """Check whether text is a time of the day without its date."""
    values = values.drop_nulls().str.strip_chars()
    return (
        bool(len(values))
        and values.str.contains(r"^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$").mean() >= ENOUGH
    )


def is_zoned(way: dict) -> bool:
    """Check whether a way of writing leaves no doubt about the zone."""
    return "unit" in way or "z" in way["format"] or way["format"].endswith("UTC")


def _days_and_months() -> Iterator[str]:
    for mark in "/.-":
        for clock in CLOCKS:
            yield f"%d{mark}%m{mark}%Y{clock}"
            yield f"%m{mark}%d{mark}%Y{clock}"


def _formats(formats: Iterator[str] | tuple[str, ...]) -> Iterator[dict]:
    return ({"format": text} for text in formats)


def _reads(values: pl.Series, way: dict) -> bool:
    # Wrong years such as 0019 are read without complaint.
    times = values.to_frame("text").select(milliseconds(pl.col("text"), way)).to_series()
    plausible = times.is_between(start_of(EARLIEST), start_of(LATEST))
    return plausible.fill_null(False).mean() >= ENOUGH


def _within(numbers: pl.Series, span: tuple[int, int]) -> bool:
    return numbers.is_between(*span).fill_null(False).mean() >= ENOUGH
