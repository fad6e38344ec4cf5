"""hook: what each of git's hooks does for runs, and the scripts that call it."""

NAMES = ("pre-commit", "prepare-commit-msg", "post-commit", "post-rewrite", "pre-push")
