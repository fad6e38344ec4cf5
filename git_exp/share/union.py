"""The notes of another repository merged into ours: whole notes, as sets of lines."""

from __future__ import annotations

import msgspec

from git_exp import data, ledger, locks, merge
from git_exp.git import notes, objects, refs
from git_exp.git.notes import Tip
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.ledger import Before, Plan, Theirs

# A record is a line of a few kilobytes: what is larger than this no run of ours has written.
LARGEST = 32 << 20
_RUNS = "refs/runs/"


class Merged(msgspec.Struct, kw_only=True):
    """What came of a merge, by commits of runs: `put_back` is what the other side had removed.

    `deleted` were deleted by it, `gone` by either side: what is left of those has to go.
    """

    new: list[str] = []
    changed: list[str] = []
    deleted: list[str] = []
    gone: list[str] = []
    put_back: list[str] = []
    too_large: list[str] = []


def merge_in(repo: Repo, theirs: Tip, known: Tip = notes.NOTHING) -> Merged:
    """Make our notes the union of themselves and another history's, which `known` once was.

    The refs of runs that turn out to be deleted go with it. Merge bases play no part: a note that
    one side lacks is put back, for only tombstones delete.
    """
    report = Merged()
    if theirs.commit is None or theirs.commit == refs.resolve(repo, notes.REF):
        return report

    def plan(_: objects.Writer, before: Before) -> Plan:
        nonlocal report
        report = Merged()
        both = _Both(repo, before, theirs, report=report)
        texts = both.texts()
        whole = {
            one: merge.union(merge.lines(text), merge.lines(before.note(one)))
            for one, text in texts.items()
        }
        _told(report, whole, before, theirs=texts, known=known)
        return Plan(
            subject="exp: merge",
            lines={one: merge.lines(text) for one, text in texts.items()},
            theirs=Theirs(tip=theirs, notes=texts),
            changes=_deletions(repo, report.gone, before),
        )

    with locks.held(repo) as lock:
        ledger.write(repo, lock, plan)
    return report


class _Both:
    """Our notes and another history's, where they differ."""

    def __init__(self, repo: Repo, before: Before, theirs: Tip, *, report: Merged) -> None:
        self.repo = repo
        self.before = before
        self.theirs = theirs
        self.report = report
        self.plain = before.notes.count is not None and theirs.count is not None

    def texts(self) -> dict[str, bytes]:
        """Their text of each note that may differ, empty where they have none."""
        changes = notes.changes(self.repo, self.before.notes.commit, self.theirs.commit)
        every = dict.fromkeys(path.replace("/", "") for path in (*changes.there, *changes.was))
        found = {path.replace("/", ""): blob for path, blob in changes.there.items()}
        had = {path.replace("/", ""): blob for path, blob in changes.was.items()}
        texts: dict[str, bytes] = {}
        for commit in every:
            text = self._theirs(commit, found)
            ours = self._ours(commit, had)
            if text is None or ours is None:
                self.report.too_large.append(commit)
            else:
                texts[commit], self.before.noted[commit] = text, ours
        return texts

    def _theirs(self, commit: str, found: dict[str, str]) -> bytes | None:
        if self.plain:
            return self._joined([found[commit]] if commit in found else [])
        return self._joined(notes.blobs(self.repo, self.theirs.tree, commit))

    def _ours(self, commit: str, had: dict[str, str]) -> bytes | None:
        if self.plain:
            return self._joined([had[commit]] if commit in had else [])
        return self._joined(notes.blobs(self.repo, self.before.notes.tree, commit))

    def _joined(self, blobs: list[str]) -> bytes | None:
        if sum(objects.size(self.repo, blob) for blob in blobs) > LARGEST:
            return None
        return notes.joined([objects.blob(self.repo, blob) for blob in blobs])


def _told(
    report: Merged,
    whole: dict[str, bytes],
    before: Before,
    *,
    theirs: dict[str, bytes],
    known: Tip,
) -> None:
    for commit, text in whole.items():
        ours = before.note(commit)
        if merge.is_tombstone(text):
            # Also where we knew before: whoever was interrupted has not removed its refs.
            report.gone.append(commit)
            report.deleted += [] if merge.is_tombstone(ours) else [commit]
        elif not ours:
            report.new.append(commit)
        elif text != ours:
            report.changed.append(commit)
        if not theirs[commit] and known.tree and notes.blobs(before.repo, known.tree, commit):
            report.put_back.append(commit)


def _deletions(repo: Repo, commits: list[str], before: Before) -> list[Change]:
    """The refs of runs with these commits, their data with them."""
    if not commits:
        return []
    gone, found = set(commits), refs.listing(repo, _RUNS, data.name(""))
    changes: list[Change] = []
    for name, oid in found.items():
        if not name.startswith(_RUNS) or oid not in gone:
            continue
        before.seen[name] = oid
        changes.append(Change(name=name, new=None, old=oid))
        large = data.name(name.removeprefix(_RUNS))
        if large in found and data.stands_on(repo, found[large], oid):
            changes.append(Change(name=large, new=None, old=found[large]))
    return changes
