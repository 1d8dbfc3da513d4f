"""One short file per raw format, each with `read(raw) -> Reading`."""
