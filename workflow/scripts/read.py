"""Rule `read`: raw files to tidy tables."""

from pathlib import Path
from pkgutil import resolve_name

from jsonargparse import auto_cli

from recloop.data.tables import write_tables
from recloop.storage.timing import timed


def read(source: dict, raw: Path, output: Path) -> None:
    """Read the raw files of a source with the reader that its manifest names.

    Args:
        source: the manifest.
        raw: folder of the raw files.
        output: folder for interactions.parquet, items.parquet, quarantine.parquet and read.json.
    """
    reading = resolve_name(f"recloop.data.readers.{source['reader']}").read(raw)
    counts = write_tables(reading, output)
    print(
        f"{source['title']}: {counts['rows']:,} events, {counts['malformed']:,} malformed lines set aside"
    )


if __name__ == "__main__":
    auto_cli(timed()(read), as_positional=False)
