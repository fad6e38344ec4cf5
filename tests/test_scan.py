"""scan: keys are found where a push would send them, and nothing else is."""

from __future__ import annotations

import base64
import builtins
import hashlib
import os
import random
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_exp import records, scan
from git_exp.git.repo import Repo, discover
from git_exp.scan import Finding, Outgoing, rules, texts
from git_exp.scan.library import _cache as library_cache
from tests import keys

Git = Callable[..., str]
EVERY = keys.every()
AT = "2026-01-02T03:04:05.000001Z"


def found(text: str | bytes) -> list[tuple[str, bool]]:
    data = text if isinstance(text, bytes) else text.encode()
    return [(one.rule, one.specific) for one in scan.text(data, run=None, where="x")]


def stopping(text: str | bytes) -> list[str]:
    return [rule for rule, specific in found(text) if specific]


@pytest.mark.parametrize("name", EVERY)
def test_the_keys_of_vendors_stop_a_push(name: str) -> None:
    before, _, rest = EVERY[name].partition("<")
    secret, _, after = rest.rpartition(">")
    rule = name.partition("/")[0]

    text = f"one\ntwo {before}{secret}{after} three\n".encode()
    each = list(scan.text(text, run="r", where="a/b"))

    digest = hashlib.sha256(f"{rule}\0{secret}".encode()).hexdigest()[:10]
    assert each == [
        Finding(
            rule=rule,
            specific=True,
            run="r",
            where="a/b",
            line=2,
            id=digest,
            shown=secret[: 4 if len(secret) >= 20 else 1] + "…",
        )
    ]
    assert scan.masked(text) == f"one\ntwo {before}***{after} three\n".encode()
    assert scan.holds_secret(text)
    assert not scan.holds_secret(scan.masked(text))


@pytest.mark.parametrize(
    "around",
    ['"%s"', "'%s'", "x=%s", "x: %s\r\n", "\\n%s\\n", "a\\t%s", "\x1b[31m%s\x1b[0m",
     "\\u001b[1;32m%s\\u001b[0m", "%%3D%s%%26", "https://x.org/?k=%s&y", "\udcff%s\udcff"],
)  # fmt: skip
def test_a_key_is_found_whatever_is_around_it(around: str) -> None:
    text = (around % keys.token()).encode(errors="surrogateescape")

    assert stopping(text) == ["github-token"]
    assert scan.masked(text) == (around % "***").encode(errors="surrogateescape")


@pytest.mark.parametrize("text", [
    hashlib.sha512(b"x").hexdigest(), keys.letters(40, keys.HEX), f"sk-{'a' * 40}",
    str(uuid.UUID(int=7 << 100)), f"task-{uuid.UUID(int=9 << 99).hex}",
    "pip install sk-learn sk-container-id-1 sk-estimator-doc-link-over-the-whole-width",
    f"integrity: sha512-{base64.b64encode(hashlib.sha512(b'z').digest()).decode()}",
    f"SK{'IP' * 16}", f"gh{'p'}_{'x' * 36}", f"AKIA{'IOSFODNN7'}EXAMPLE", f"hf_{'x' * 34}",
    f"hf_{'thisisaverylongnameofsomefunctions'}", f"AIza{'_' * 35}", f"npm_{'a' * 36}",
    f"gh{'p'}_{'abcdefghijklmnopqrstuvwxyz0123456789'}", f"glpat-{'your-token-here-please'}",
    "postgres://user:password@db.lovelace.org/x", "http://ada:ada@db.lovelace.org",
    "postgres://ada:Tr0ub4dor@localhost:5432", "redis://:Tr0ub4dor@127.0.0.1",
    "https://ada:${PASSWORD}@x.lovelace.org", "https://ada:%s@x.lovelace.org", "http://a:b@c",
    "https://ada:***@x.lovelace.org", "https://ada:Tr0ub4dor@api.example.com",
    "see https://x.org:8080/a@b and mailto:ada@lovelace.org", "https://medium.com/@ada/x:y@z",
    f"-----BEGIN RSA {'PRIVATE'} KEY-----",
    f'if b"-----BEGIN {"PRIVATE"} KEY-----" in data: pass\n' * 9,
    f"-----BEGIN CERTIFICATE-----\n{'MIIabc123' * 20}\n-----END CERTIFICATE-----",
    f"-----BEGIN PUBLIC KEY-----\n{'MIIabc123' * 20}\n-----END PUBLIC KEY-----", "", "\n",
])  # fmt: skip
def test_what_is_no_key_does_not_stop_a_push(text: str) -> None:
    assert found(text) == []
    assert scan.masked(text.encode()) == text.encode()


def test_random_data_in_text_is_no_key() -> None:
    drawn = random.Random(5)
    blob = drawn.randbytes(1 << 20)

    for text in (base64.b64encode(blob), base64.urlsafe_b64encode(blob), blob.hex().encode()):
        assert found(text) == []


def test_what_may_be_a_key_warns() -> None:
    said = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"7","iat":1516239022}', bytes(range(32)))
    parts = [base64.urlsafe_b64encode(one).decode().rstrip("=") for one in said]

    assert found("Bearer " + ".".join(parts)) == [(rules.JWT, False)]
    assert found("postgres://ada" + ":Tr0ub4dor&3@db/runs") == [(rules.URL, False)]
    assert found("eyJ" * 1_000) == []


def test_a_secret_is_said_once_of_a_text_at_its_first_line() -> None:
    one, other = keys.token(1), keys.token(2)

    each = list(scan.text(f"\n{one}\r\n{other} {one}\n{one}".encode(), run=None, where="x"))

    assert [finding.line for finding in each] == [2, 3]
    assert len({finding.id for finding in each}) == 2
    assert not any(one in str(finding) or other in str(finding) for finding in each)


def test_what_is_binary_is_passed_over_and_utf_16_is_not() -> None:
    token = keys.token()
    binary = b"\x7fELF\0" + token.encode()

    assert found(binary) == []
    assert scan.masked(binary) == binary
    for name in ("utf-16-le", "utf-16-be"):
        text = f"\ufeffTOKEN={token}\r\n".encode(name)
        assert stopping(text) == ["github-token"]
        assert scan.masked(text).decode(name) == "\ufeffTOKEN=***\r\n"
    broken = b"\xff\xfe" + f"{token}".encode("utf-16-le") + b"\x00\xd8x"
    assert stopping(broken) == ["github-token"]
    assert scan.masked(broken) == broken


def test_lines_of_any_length_are_read_to_their_end() -> None:
    for filler in (b"sk-", b"eyJ.", b"://a:b", b"-----BEGIN PRIVATE KEY-----", b"xoxb-a", b"SG."):
        line = filler * (1 << 16)
        text = line + b" " + keys.token().encode()

        assert "github-token" in stopping(text)
        assert scan.masked(text).endswith(b" ***")


def test_a_private_key_is_found_as_json_and_source_hold_it() -> None:
    begin, end = (f"-----{word} PRIVATE{' '}KEY-----" for word in ("BEGIN", "END"))
    body = keys.letters(64)
    headed = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,{'AB12' * 8}\n\n{body}\n"

    for text in (
        f'{{"private_key": "{begin}\\n{body}\\n{body}\\n{end}\\n"}}',
        f'KEY = (\n    "{begin}\\n"\n    "{body}\\n"\n    "{end}\\n"\n)',
        f"{begin}\r\n{headed}{end}\r\n",
        f"{begin}\n{body}\n",
    ):
        assert stopping(text) == [rules.PRIVATE_KEY]
        masked = scan.masked(text.encode())
        assert body.encode() not in masked
        assert not scan.holds_secret(masked)


def test_a_key_longer_than_any_is_masked_to_its_end() -> None:
    text = f"-----BEGIN PRIVATE{' '}KEY-----\n" + f"{keys.letters(64)}\n" * 2_000

    masked = scan.masked(text.encode())

    assert keys.letters(64).encode() not in masked
    assert masked.startswith(b"-----BEGIN PRIVATE KEY-----***")


def note(text: str) -> bytes:
    return records.line(records.Note(t=AT, text=text)).rstrip(b"\n")


def test_a_record_without_its_secrets_is_the_same_record_otherwise() -> None:
    line = note(f'a\n{keys.token()}\t"é" \\')

    assert scan.masked(line) == note('a\n***\t"é" \\')
    assert scan.masked(b"\n" + line + b"\n{damaged " + keys.token().encode() + b"\n") == (
        b"\n" + note('a\n***\t"é" \\') + b"\n{damaged ***\n"
    )


def test_the_values_of_a_key_are_masked_in_what_is_the_users_own() -> None:
    line = records.line(
        records.RunStart(
            t=AT,
            v=1,
            run_id="r",
            name="token",
            params={"lr": 0.1, "db.token": "a", "token": 7, "tokens": 8, "": 1},
            metadata={"deep": [{"token": {"x": [1, {"y": "]}"}]}, "z": None}], "token": None},
            process=records.Process(pid=1, argv=["--token", "a", "--x", "token=a", "-token=a b"]),
        )
    )

    event = records.parse(scan.masked(line, ["token"]).rstrip(b"\n"))

    assert isinstance(event, records.RunStart)
    assert event.params == {"lr": 0.1, "db.token": "***", "token": "***", "tokens": 8, "": 1}
    assert event.metadata == {"deep": [{"token": "***", "z": None}], "token": "***"}
    assert event.process
    assert event.process.argv == ["--token", "***", "--x", "token=***", "-token=*** b"]
    assert event.name == "token"
    assert scan.masked(line, ["pid", "v", "run_id", "t", "event", "lacking"]) == line


def test_a_key_of_some_levels_is_named_with_dots() -> None:
    line = b'{"t":"%b","event":"note","text":"","x":1}' % AT.encode()
    start = line[:-1] + b',"metadata":{"db":{"token":[1]},"token":2}}'

    assert scan.masked(start, ["db.token"]) == (
        line[:-1] + b',"metadata":{"db":{"token":"***"},"token":2}}'
    )


@pytest.mark.parametrize(("text", "masked"), [
    ("token=abc x", "token=*** x"), ("export token='a b'\n", "export token='***'\n"),
    ('{"token": "a b", "x": 1}', '{"token": "***", "x": 1}'), ("--token=a&b", "--token=***&b"),
    ("my_token=abc", "my_token=abc"), ("token\nabc", "token\nabc"), ("tokens: a", "tokens: a"),
])  # fmt: skip
def test_the_value_of_a_key_is_masked_where_a_text_sets_it(text: str, masked: str) -> None:
    assert scan.masked(text.encode(), ["token"]) == masked.encode()


SECRETS = [text.replace("<", "").replace(">", "") for text in EVERY.values()]
MARKS = [*'"\\:/@-=<>\n', "\\n", "\\u00", "://", "\x1b[31m", "***", "token", "-----BEGIN "]
PIECES = st.sampled_from(SECRETS) | st.text(max_size=8) | st.sampled_from(MARKS)
TEXTS = st.lists(PIECES, max_size=8).map("".join)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(TEXTS)
def test_no_text_has_a_secret_left_once_it_is_masked(text: str) -> None:
    masked = scan.masked(text.encode(), ["token"])

    assert not scan.holds_secret(masked)
    assert scan.masked(masked, ["token"]) == masked


@given(metadata=ANY, text=TEXTS, params=st.dictionaries(TEXTS, st.integers() | TEXTS, max_size=3))
def test_no_record_has_a_secret_left_and_each_stays_what_it_was(
    metadata: Any, text: str, params: dict[str, Any]
) -> None:
    error = records.Error(type="E", message=text, traceback=text)
    for event in (
        records.Join(t=AT, metadata=metadata, params=params, process=records.Process(pid=1)),
        records.Note(t=AT, text=text),
        records.RunEnd(t=AT, status="failed", error=error),
        records.Track(t=AT, value=metadata, note=text),
    ):
        line = records.line(event)

        masked = scan.masked(line, ["token"])

        after = records.parse(masked.removesuffix(b"\n"))
        assert type(after) is type(event)
        assert after.t == AT
        assert masked.count(b"\n") == 1
        assert not scan.holds_secret(masked)
        if not scan.holds_secret(line) and b"token" not in line:
            assert masked == line


# What a push would send.


@pytest.fixture
def here(repo: Path) -> Repo:
    return discover(repo, os.environ)


def written(git: Git, **files: str | bytes) -> str:
    """A commit of these files above HEAD, which stays where it is; `__` in a name is a slash."""
    for name, text in files.items():
        path = Path(name.replace("__", "/"))
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    git("add", "-A", "-f")
    tree = git("write-tree")
    return git("commit-tree", tree, "-p", "HEAD", "-m", "run")


def alone(git: Git, **files: str | bytes) -> str:
    """A commit of these files and no others, as data commits are."""
    git("rm", "-rqf", "--cached", ".")
    commit = written(git, **files)
    git("reset", "-q", "--hard")
    return commit


def head(git: Git) -> str:
    return git("rev-parse", "HEAD")


def said(each: list[Finding]) -> list[tuple[str | None, str, int, str, bool]]:
    return [(one.run, one.where, one.line, one.rule, one.specific) for one in each]


def test_what_the_base_has_is_not_scanned_and_what_the_run_added_is(here: Repo, git: Git) -> None:
    written(git, old_py=f"{keys.token(1)}\n")
    git("commit", "-q", "-m", "second")
    run = written(git, new_py=f"\n{keys.token(2)}\n", train_py=f"{keys.token(3)}\n", y="1\n")

    each = scan.outgoing(here, [Outgoing(run="r", base=head(git), commit=run)])

    assert said(each) == [
        ("r", "new_py", 2, "github-token", True),
        ("r", "train_py", 1, "github-token", True),
    ]
    assert scan.outgoing(here, []) == []
    assert scan.outgoing(here, [Outgoing(run="r")]) == []


def test_data_and_the_lines_of_the_note_are_scanned_too(here: Repo, git: Git) -> None:
    token = keys.token(1)
    first = alone(git, output__stdout=f"x\n{token}\n", series__j_jsonl=f"{keys.token(4)}\n")
    second = alone(
        git,
        output__stdout=f"x\n{token}\n",
        artifacts__config_yml=f"key: {keys.token(2)}\n",
        artifacts__model_bin=b"\0" + token.encode(),
    )
    lines = [note("well"), note(f"my token\n{keys.token(3)}") + b"\n", note("done")]

    assert said(scan.outgoing(here, [Outgoing(run="r", data=first)])) == [
        ("r", "output/stdout", 2, "github-token", True),
        ("r", "series/j_jsonl", 1, "github-token", True),
    ]
    assert said(
        scan.outgoing(here, [Outgoing(run="r", old_data=first, data=second, lines=lines)])
    ) == [
        ("r", "artifacts/config_yml", 1, "github-token", True),
        ("r", "records", 2, "github-token", True),
    ]


def test_a_blob_is_read_once_and_said_of_every_run_that_holds_it(
    here: Repo, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [written(git, config=f"{keys.token()}\n", other=f"{at}\n") for at in range(3)]
    base = head(git)
    scanned, started = [], []
    hits, start = texts.hits, Repo.start

    def noted(text: bytes, library: Any) -> list[rules.Hit]:
        scanned.append(text)
        return hits(text, library)

    def counted(repo: Repo, *args: str, **how: Any) -> Any:
        started.append(args[0])
        return start(repo, *args, **how)

    monkeypatch.setattr(texts, "hits", noted)
    monkeypatch.setattr(Repo, "start", counted)

    items = [Outgoing(run=str(at), base=base, commit=run) for at, run in enumerate(runs)]
    each = scan.outgoing(here, items)

    assert [(one.run, one.where) for one in each] == [(run, "config") for run in "012"]
    assert len({one.id for one in each}) == 1
    # Their paths are looked at too, each where it is met.
    assert len([text for text in scanned if text.endswith(b"\n")]) == 4
    assert sorted(started) == ["cat-file", "cat-file", "diff-tree"]


def test_what_is_allowed_is_left_out(here: Repo, repo: Path, git: Git) -> None:
    run = written(git, a=f"{keys.token(1)}\n", b=f"{keys.token(2)}\n")
    item = Outgoing(run="r", base=head(git), commit=run)
    first, second = (one.id for one in scan.outgoing(here, [item]))

    assert [one.id for one in scan.outgoing(here, [item], allowed=[first])] == [second]
    git("config", "--add", "exp.allow", first)
    git("config", "--add", "exp.allow", second)
    assert scan.outgoing(discover(repo, os.environ), [item]) == []


def test_a_name_in_the_shape_of_a_secret_stops_where_the_run_alone_has_it(
    repo: Path, git: Git
) -> None:
    written(git, config__credentials="old\n")
    git("commit", "-q", "-m", "second")
    run = written(
        git,
        config__credentials="new\n",
        **{".env": "A=1\n", "id_rsa": "\n", "ca.pem": "-----BEGIN CERTIFICATE-----\nx\n"},
        secrets_yml="A=1\n",
    )
    item = Outgoing(run="r", base=head(git), commit=run)

    each = scan.outgoing(discover(repo, os.environ), [item])

    assert said(each) == [
        ("r", ".env", 1, "secret-shaped-name", True),
        ("r", "config/credentials", 1, "secret-shaped-name", False),
    ]
    assert [one.shown for one in each] == [".env", "credentials"]
    git("config", "exp.include", ".env")
    assert [one.specific for one in scan.outgoing(discover(repo, os.environ), [item])] == [
        False,
        False,
    ]


def test_an_artifact_named_like_a_secret_stops_though_it_is_included(repo: Path, git: Git) -> None:
    git("config", "exp.include", "*.env")
    data = alone(git, **{"artifacts/.env": "A=1\n"})

    each = scan.outgoing(discover(repo, os.environ), [Outgoing(run="r", data=data)])

    assert said(each) == [("r", "artifacts/.env", 1, "secret-shaped-name", True)]


def test_paths_are_said_as_they_are_and_as_git_quotes_them(here: Repo, git: Git) -> None:
    run = written(git, **{"a\x1b[31m": keys.token(1), "b\udcff": keys.token(2)})

    each = scan.outgoing(here, [Outgoing(run="r", base=head(git), commit=run)])

    assert [one.where for one in each] == ['"b\\377"', "a\x1b[31m"]


def test_a_file_that_is_not_scanned_is_said_to_be(
    here: Repo, repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("git_exp.scan.sent.MOST", 100)
    run = written(git, big="x" * 101, lost="y\n", small=f"{keys.token()}\n")
    oid = git("rev-parse", f"{run}:lost")
    (repo / ".git/objects" / oid[:2] / oid[2:]).unlink()

    each = scan.outgoing(here, [Outgoing(run="r", base=head(git), commit=run)])

    assert said(each) == [
        ("r", "big", 1, "not-scanned", False),
        ("r", "lost", 1, "not-scanned", False),
        ("r", "small", 1, "github-token", True),
    ]


def test_the_findings_of_a_run_without_a_base_are_of_all_that_it_has(here: Repo, git: Git) -> None:
    run = written(git, src__a=f"{keys.token()}\n")

    each = scan.outgoing(here, [Outgoing(run="r", commit=run)])

    assert said(each) == [("r", "src/a", 1, "github-token", True)]


# With the extra.


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> scan.Library:
    pytest.importorskip("kingfisher_sdk")
    folder = tmp_path_factory.mktemp("library")
    subprocess.run(("git", "init", "-q", folder), check=True)
    cache = tmp_path_factory.getbasetemp() / "cache"
    found = scan.installed(discover(folder, {**os.environ, "XDG_CACHE_HOME": str(cache)}))
    assert found
    assert list((cache / "git-exp/scan").iterdir())
    return found


def test_where_no_cache_can_be_written_the_rules_are_kept_here(tmp_path: Path, repo: Path) -> None:
    (tmp_path / "file").touch()

    for base in ({"XDG_CACHE_HOME": str(tmp_path / "file")}, {"HOME": "", "XDG_CACHE_HOME": ""}):
        assert library_cache(discover(repo, {**os.environ, **base})) == repo / ".git/exp/scan"


def test_the_library_finds_more_and_ours_go_first(library: scan.Library) -> None:
    theirs = f"shp{'at'}_{keys.letters(32, keys.HEX, seed=3)}"
    token = keys.token()
    text = f"a\n{token}\r\nb = '{theirs}'\n".encode()

    each = list(scan.text(text, run=None, where="x", library=library))

    assert [(one.rule, one.specific, one.line) for one in each] == [
        ("github-token", True, 2),
        ("shopify-access-token", True, 3),
    ]
    assert scan.holds_secret(theirs.encode(), library)
    assert scan.masked(text, library=library) == b"a\n***\r\nb = '***'\n"
    assert scan.masked(note(theirs), library=library) == note("***")


def test_what_the_library_tells_by_a_word_nearby_only_warns(library: scan.Library) -> None:
    text = f'algolia_api_key = "{keys.letters(32, keys.HEX, seed=4)}"\n'.encode()
    text += f'mistral_api_key = "{keys.letters(32, seed=5)}"\n'.encode()

    each = list(scan.text(text, run=None, where="x", library=library))

    assert each
    assert not any(one.specific for one in each)
    assert scan.masked(text, library=library) == text


def test_the_library_reads_what_a_push_would_send(
    here: Repo, git: Git, library: scan.Library
) -> None:
    theirs = f"shp{'at'}_{keys.letters(32, keys.HEX, seed=3)}"
    run = written(git, a=f"{theirs}\n")
    item = Outgoing(run="r", base=head(git), commit=run, lines=[note(theirs)])

    each = scan.outgoing(here, [item], library=library)

    assert [one.where for one in each] == ["a", "records"]


def test_without_the_extra_there_is_no_library(here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **how: Any) -> Any:
        if name == "kingfisher_sdk":
            raise ImportError(name)
        return real(name, *args, **how)

    monkeypatch.setattr(builtins, "__import__", without)

    assert scan.installed(here) is None


def test_a_string_that_a_scanner_cut_in_two_is_masked_as_a_whole() -> None:
    class Cutting:
        def hits(self, text: bytes) -> list[rules.Hit]:
            at = text.find(b'\\"')
            return [rules.Hit(rule="x", specific=True, start=0, end=at + 1)] if at > 0 else []

    library: Any = Cutting()

    assert scan.masked(note('ab"c'), library=library) == note("***")
