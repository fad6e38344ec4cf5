"""Tests of git_exp.query."""
