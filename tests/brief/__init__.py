"""Tests of the brief: what is gathered, what is written, what fits."""
