"""The tables of the index, and the views that `git exp sql` shows of them."""

from __future__ import annotations

# Another number, and the index is made anew.
VERSION = 4

# A row of `record` is one note, deleted or not: its paths in the notes tree, its run, packed, its
# lines, and when a line that came from the future is no longer one. A row of `run` is a run that is
# not deleted.
TABLES = """
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE record (id INTEGER PRIMARY KEY, commit_id TEXT NOT NULL UNIQUE, paths TEXT NOT NULL,
  packed BLOB, lines BLOB NOT NULL, ripe TEXT);
CREATE TABLE run (id INTEGER PRIMARY KEY, commit_id TEXT NOT NULL, run_id TEXT NOT NULL,
  name TEXT NOT NULL, status TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, duration_ms REAL,
  exit_code INTEGER, branch TEXT, base TEXT, tree TEXT, dirty INTEGER, user TEXT, host TEXT,
  "group" TEXT, command TEXT, folder TEXT, parent TEXT);
CREATE TABLE key (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,
  UNIQUE (kind, name));
CREATE TABLE param (key INTEGER, run INTEGER, number REAL, text TEXT, PRIMARY KEY (key, run))
  WITHOUT ROWID;
CREATE TABLE meta (key INTEGER, run INTEGER, number REAL, text TEXT, PRIMARY KEY (key, run))
  WITHOUT ROWID;
CREATE TABLE metric (key INTEGER, run INTEGER, last REAL, min REAL, max REAL, first REAL,
  count INTEGER, min_step REAL, max_step REAL, PRIMARY KEY (key, run)) WITHOUT ROWID;
CREATE TABLE tag (tag TEXT, run INTEGER, PRIMARY KEY (tag, run)) WITHOUT ROWID;
CREATE TABLE note (run INTEGER, at INTEGER, t TEXT, text TEXT, PRIMARY KEY (run, at))
  WITHOUT ROWID;
CREATE TABLE link (commit_id TEXT, run INTEGER, PRIMARY KEY (commit_id, run)) WITHOUT ROWID;
"""

# After the first filling: an index on rows that are there is made much faster than row by row.
INDICES = """
CREATE INDEX IF NOT EXISTS run_newest ON run (started DESC, run_id DESC);
CREATE INDEX IF NOT EXISTS run_id ON run (run_id);
CREATE INDEX IF NOT EXISTS run_name ON run (name);
CREATE INDEX IF NOT EXISTS run_commit ON run (commit_id);
CREATE INDEX IF NOT EXISTS run_tree ON run (tree, command);
CREATE INDEX IF NOT EXISTS tag_run ON tag (run);
CREATE INDEX IF NOT EXISTS link_run ON link (run);
CREATE INDEX IF NOT EXISTS record_ripe ON record (ripe) WHERE ripe IS NOT NULL;
"""

# What a user's SQL sees, described in git-exp-sql(1): columns, and what they are read from.
VIEWS = {
    "runs": (
        "run.run_id AS id, run.name, run.status, run.started, run.ended,"
        " run.duration_ms / 1000.0 AS duration, run.exit_code, run.branch, run.base,"
        ' run.commit_id AS "commit", run.tree, run.dirty, run.user, run.host, run."group",'
        " run.command, run.folder, run.parent",
        "{0}.run AS run",
    ),
    "params": (
        "run.run_id AS run, key.name AS key, coalesce(param.text, param.number) AS value",
        "{0}.param AS param JOIN {0}.key AS key ON key.id = param.key"
        " JOIN {0}.run AS run ON run.id = param.run",
    ),
    "metrics": (
        "run.run_id AS run, key.name AS key, metric.last, metric.min, metric.max, metric.first,"
        " metric.count, metric.min_step, metric.max_step",
        "{0}.metric AS metric JOIN {0}.key AS key ON key.id = metric.key"
        " JOIN {0}.run AS run ON run.id = metric.run",
    ),
    "tags": (
        "run.run_id AS run, tag.tag",
        "{0}.tag AS tag JOIN {0}.run AS run ON run.id = tag.run",
    ),
    "notes": (
        "run.run_id AS run, note.t, note.text",
        "{0}.note AS note JOIN {0}.run AS run ON run.id = note.run",
    ),
    "events": (
        "run.run_id AS run, json_extract(each.value, '$.t') AS t,"
        " json_extract(each.value, '$.event') AS event, each.value AS record",
        "{0}.record AS record JOIN {0}.run AS run ON run.id = record.id,"
        " json_each(events(record.lines)) AS each",
    ),
}
FILLED = ("run", "param", "meta", "metric", "tag", "note", "link")
