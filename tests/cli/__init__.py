"""The tests of the commands, each in the file of its word."""
