"""Tests of the repository door: real repositories, odd ones above all."""
