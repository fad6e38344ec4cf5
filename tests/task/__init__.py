"""Tests of the index: the same answers as the fold of the notes, whatever happens to it."""
