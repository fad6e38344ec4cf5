"""The index: SQLite beside the spool, derived from the notes; deleting it loses nothing."""
