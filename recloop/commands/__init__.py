"""What the `recloop` command does, one file for each word."""
