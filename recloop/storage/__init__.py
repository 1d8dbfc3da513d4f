"""Files that are whole or absent, settings that are checked, hashes of what a result depends on."""
