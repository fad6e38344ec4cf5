"""agent: what a coding agent gets of git exp."""
