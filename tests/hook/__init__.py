"""Tests of hooks: a stock git commits, and git runs what was installed."""
