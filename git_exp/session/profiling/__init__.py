"""profiling: one pass over a table, in memory that does not grow with its rows."""
