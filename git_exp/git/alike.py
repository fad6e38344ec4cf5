"""What is the same in two places: trees as far as some paths go, changes whatever they stand on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from git_exp.git import objects
from git_exp.git.repo import Repo

_DIFF = ("diff-tree", "--stdin", "-r", "--no-renames", "--no-ext-diff")


def index_tree(repo: Repo) -> str:
    """The tree of the index as git commits it: that of `GIT_INDEX_FILE` inside a hook."""
    return repo.git("write-tree").decode().strip()


def parents(repo: Repo, revision: str) -> list[str]:
    """The parents of a commit."""
    return repo.git("rev-parse", f"{revision}^@").decode().split()


def same_paths(repo: Repo, tree: str, others: Iterable[str], *, paths: Sequence[str]) -> set[str]:
    """Of other trees, those that are here and do not differ from one in these pathspecs."""
    there = _here(repo, [one for one in dict.fromkeys(others) if objects.is_oid(one)])
    pairs = "".join(f"{one} {tree}\n" for one in there).encode()
    out = repo.git(*_DIFF, "--raw", "--", *paths, stdin=pairs) if there else b""
    differ: set[str] = set()
    pair = ""
    for line in out.decode(errors="replace").split("\n"):
        if line.startswith(":"):
            differ.add(pair)
        else:
            pair = line[:40]
    return set(there) - differ


def patch_ids(repo: Repo, commits: Iterable[str]) -> dict[str, str]:
    """What each commit changes, as git tells changes apart; a merge and an empty one have none."""
    named = "".join(f"{one}\n" for one in commits).encode()
    patches = repo.git(*_DIFF, "-p", "--root", "--no-textconv", "--no-color", stdin=named)
    lines = repo.git("patch-id", "--stable", stdin=patches).decode().splitlines()
    return {commit: patch for patch, commit in (line.split() for line in lines)}


def _here(repo: Repo, oids: Sequence[str]) -> list[str]:
    named = "".join(f"{one}\n" for one in oids).encode()
    found = repo.git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=named)
    return [line[:40] for line in found.decode().splitlines() if line.endswith(" tree")]
