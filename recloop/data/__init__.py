"""Raw files to tidy tables, tables to sessions, sessions to three parts."""
