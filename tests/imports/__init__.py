"""Tests of imports: sources as the other tools really write them, and what becomes of them."""
