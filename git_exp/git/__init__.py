"""The door to git: a repository on disk, by pygit2 and the git program."""
