from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.dataset import Dataset, Row
from sightline.dataset.labels import clean_label
from sightline.errors import ConfigError, DataError
from sightline.files import sha256_bytes
from sightline.images import FileSource


@pytest.fixture
def root(fill) -> Path:
    return fill({"a.png": "a", "b.png": "b", "deep/c.png": "c"})


def manifest(root: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = root / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        Dataset.from_manifest(path, **options)
    return caught.value


def test_csv_columns_and_their_order_do_not_matter(root):
    dataset = Dataset.from_manifest(
        manifest(
            root,
            "split,label,camera,path,group\n"
            "train,cat,north,a.png,g1\n"
            'val,"dog, small",,b.png,\n'
            ",cat,south,deep/c.png,g1\n",
        )
    )
    assert [(r.name, r.labels, r.split, r.group, dict(r.extra)) for r in dataset] == [
        ("a.png", ("cat",), "train", "g1", {"camera": "north"}),
        ("b.png", ("dog, small",), "validation", None, {"camera": ""}),
        ("deep/c.png", ("cat",), None, "g1", {"camera": "south"}),
    ]
    assert dataset.classes == ("cat", "dog, small") and dataset.task == "multi_class"
    assert all(content.ok for content in dataset.contents())


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfpath,label\na.png,cat\nb.png,dog\n",
        b"path,label\r\na.png,cat\r\nb.png,dog\r\n",
        b'"path", label\n"a.png",cat\n\n"b.png", dog',
    ],
    ids=["byte-order mark", "CRLF", "quotes, spaces, empty line, no last newline"],
)
def test_harmless_variants_of_csv_read_alike(root, text):
    if b" label" in text:
        text = text.replace(b'"path"', b"path")
    dataset = Dataset.from_manifest(manifest(root, text))
    assert [(row.name, row.labels) for row in dataset] == [("a.png", ("cat",)), ("b.png", ("dog",))]


def test_tabs_in_tsv(root):
    dataset = Dataset.from_manifest(
        manifest(root, "path\tlabel\na.png\tcat\nb.png\tdog\n", "data.tsv")
    )
    assert dataset.classes == ("cat", "dog")


def test_json_lines_keep_other_keys_as_text(root):
    dataset = Dataset.from_manifest(
        manifest(
            root,
            '{"path": "a.png", "label": "cat", "split": "test", "group": 7, "n": 1, "x": null}\n\n'
            '{"path": "b.png", "label": 3}\r\n',
            "data.jsonl",
        )
    )
    assert [(r.labels, r.split, r.group, dict(r.extra)) for r in dataset] == [
        (("cat",), "test", "7", {"n": "1"}),
        (("3",), None, None, {}),
    ]


def test_several_labels_make_a_multi_label_dataset(root):
    path = manifest(root, "path,label\na.png,cat | dog\nb.png,\ndeep/c.png,dog\n")
    dataset = Dataset.from_manifest(path)
    assert dataset.task == "multi_label"
    assert [row.labels for row in dataset] == [("cat", "dog"), (), ("dog",)]
    assert dataset.label_matrix().tolist() == [[1, 1], [0, 0], [0, 1]]


def test_a_forgotten_label_does_not_change_the_task(root):
    path = manifest(root, "path,label\na.png,cat\nb.png,\ndeep/c.png,dog\n")
    error = refused(path)
    assert error.code == "no_label" and "line 3: b.png has 0 labels" in error.what
    dataset = Dataset.from_manifest(path, task="multi_label")
    assert dataset.task == "multi_label" and dataset.rows[1].labels == ()


def test_one_label_only_can_be_multi_label(root):
    path = manifest(root, "path,label\na.png,rust\nb.png,\n")
    assert Dataset.from_manifest(path, task="multi_label").classes == ("rust",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,class\na.png,cat\n", ["line 1", "no column 'label'", "'path', 'class'"]),
        ("path;label\na.png;cat\n", ["line 1", "separated by a semicolon"]),
        ("path\tlabel\na.png\tcat\n", ["separated by a tab"]),
        ("a.png,cat\nb.png,dog\n", ["no column 'path' and no column 'label'", "'a.png', 'cat'"]),
        ("path,label,label\na.png,cat,dog\n", ["twice the same"]),
        ("", ["Columns found: none"]),
        ("path,label\na.png,cat\nb.png\0,dog\n", ["NUL", "line 3"]),
        ('path,label\na.png,cat\nb.png,"dog\ndeep/c.png,cat\n', ["line 3", "path, label"]),
        ('path,label\na.png,"cat"x\n', ["line 2"]),
        ("path,label\n".encode("utf-16"), ["UTF-16", "line 1"]),
    ],
)
def test_a_damaged_table_is_refused_with_line_and_columns(root, text, words):
    error = refused(manifest(root, text))
    assert error.code == "bad_manifest" and error.exit_code == 3
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        ("a.png,cat,x", "bad_row", "line 4: 3 fields where the first line names 2 columns"),
        ("/etc/passwd,cat", "unsafe_path", "line 4: /etc/passwd"),
        ("/passwd,cat", "unsafe_path", "line 4: /passwd"),
        ("../x.png,cat", "unsafe_path", "line 4: ../x.png"),
        ("deep/../../x.png,cat", "unsafe_path", "line 4"),
        ("C:\\x.png,cat", "unsafe_path", "line 4"),
        (",cat", "unsafe_path", "line 4: an empty path"),
        ("deep,cat", "unsafe_path", "line 4: deep is not a regular file"),
        ("no.png,cat", "missing_file", "line 4: no.png (No such file or directory)"),
        ("n" * 300 + ",cat", "missing_file", "(File name too long)"),
        ("a.png,cat", "duplicate_row", "line 4: a.png stands in line 2 already"),
        ("./a.png,cat", "duplicate_row", "line 4: ./a.png stands in line 2 already"),
        ("a.png,dog", "conflicting_labels", "line 4: a.png stands in line 2 already: 'cat'"),
        ("deep/c.png,cat||dog", "bad_label", "line 4: an empty label"),
        ("deep/c.png,cat|cat", "bad_label", "line 4: a label stands twice"),
        ('deep/c.png,"cat\ndog"', "bad_label", "line 4: a line break"),
        ("deep/c.png,Cat", "label_twins", "'Cat', 'cat'"),
    ],
)
def test_a_bad_line_is_listed_with_its_number(root, lines, code, words):
    error = refused(manifest(root, f"path,label\na.png,cat\nb.png,dog\n{lines}\n"))
    assert error.code == code and words in error.what
    assert error.fix


def test_all_problems_are_told_at_once_twenty_of_each(root):
    lines = [f"no{i}.png,cat" for i in range(25)] + ["../x,cat", "a.png,dog|"]
    error = refused(manifest(root, "path,label\na.png,cat\nb.png,dog\n" + "\n".join(lines)))
    assert "25 lines: file that is not there" in error.what
    assert "line 23: no19.png" in error.what and "no20.png" not in error.what
    assert "… and 5 more" in error.what
    assert "line 29: ../x" in error.what and "line 30: an empty label" in error.what


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("{", "bad_json", "line 3"),
        ("[1]", "bad_json", "list where an object should be"),
        ('{"path": "deep/c.png"}', "bad_row", "no 'label'; keys found: 'path'"),
        ('{"path": "deep/c.png", "lable": "x"}', "bad_row", "Did you mean 'lable'"),
        ('{"path": 3, "label": "x"}', "bad_row", "path is int"),
        ('{"path": "deep/c.png", "label": true}', "bad_label", "label is true"),
        ('{"path": "deep/c.png", "label": 1.5}', "bad_label", "label is 1.5"),
        ('{"path": "deep/c.png", "label": ["\\ud800"]}', "bad_label", "not UTF-8"),
        ('{"path": "deep/c.png", "label": "x", "label": "y"}', "bad_json", "twice"),
        ('{"path": "deep/c.png", "label": "x", "split": "tset"}', "unknown_split", "'test'"),
        ('{"path": "deep/c.png", "label": "x", "sha256": "12"}', "bad_sha256", "SHA-256"),
        ('{"path": "a\\u0000", "label": "x"}', "unsafe_path", "line 3"),
    ],
)
def test_a_bad_json_line_is_listed_with_its_number(root, line, code, words):
    text = '{"path": "a.png", "label": "x"}\n{"path": "b.png", "label": "y"}\n' + line
    error = refused(manifest(root, text, "data.jsonl"))
    assert error.code == code and "line 3" in error.what and words in error.what


def test_a_link_out_of_the_root_is_unsafe(root, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "up").symlink_to(tmp_path)
    (root / "in.png").symlink_to("a.png")
    text = "path,label\na.png,x\nin.png,y\n"
    assert len(Dataset.from_manifest(manifest(root, text))) == 2
    assert refused(manifest(root, text + "out.png,x\n")).code == "unsafe_path"
    assert refused(manifest(root, text + "up/secret.png,x\n")).code == "unsafe_path"


def test_paths_are_relative_to_the_root_that_is_named(root, tmp_path):
    path = manifest(tmp_path, "path,label\na.png,x\nb.png,y\n")
    assert refused(path).code == "missing_file"
    dataset = Dataset.from_manifest(path, root=root)
    assert dataset.root == root and dataset.contents()[0].ok
    with pytest.raises(ConfigError, match="does not exist"):
        Dataset.from_manifest(path, root=tmp_path / "no")


def test_one_class_is_refused_and_can_be_allowed(root):
    path = manifest(root, "path,label\na.png,x\nb.png,x\n")
    assert refused(path).code == "one_class"
    assert Dataset.from_manifest(path, allow=["one_class"]).classes == ("x",)


def test_a_digest_is_checked_when_the_content_is_read(root):
    right = sha256_bytes((root / "a.png").read_bytes())
    path = manifest(root, f"path,label,sha256\na.png,x,{right.upper()}\nb.png,y,{'0' * 64}\n")
    first, second = Dataset.from_manifest(path).contents()
    assert first.ok and first.digest == right
    assert second.error is not None and second.error.code == "hash_mismatch"


def test_saving_with_contents_makes_later_changes_known(root):
    dataset = Dataset.from_manifest(manifest(root, "path,label\na.png,x\nb.png,y\n"))
    dataset.save_manifest(root / "saved.jsonl", contents=dataset.contents())
    (root / "a.png").write_bytes((root / "b.png").read_bytes())
    again = Dataset.from_manifest(root / "saved.jsonl")
    assert [c.error and c.error.code for c in again.contents()] == ["hash_mismatch", None]


def test_labels_outside_the_declared_classes_are_unknown(root):
    text = (
        '{"sightline_manifest": 1, "task": "multi_class", "classes": ["x", "y"]}\n'
        '{"path": "a.png", "label": "z"}\n'
    )
    error = refused(manifest(root, text, "data.jsonl"))
    assert error.code == "unknown_label" and "line 2: 'z'" in error.what


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ('{"sightline_manifest": 2, "task": "multi_class", "classes": []}', "future_version"),
        ('{"sightline_manifest": 1, "task": "other", "classes": []}', "bad_manifest"),
        ('{"sightline_manifest": 1, "task": "multi_class", "classes": "ab"}', "bad_manifest"),
        ('{"sightline_manifest": "1", "task": "multi_class", "classes": []}', "bad_manifest"),
    ],
)
def test_a_header_of_another_kind_is_refused(root, header, code):
    assert refused(manifest(root, header + "\n", "data.jsonl")).code == code


def test_only_files_under_the_root_can_be_saved(root):
    folder = root.parent
    dataset = Dataset.from_arrays([picture_of(0), picture_of(1)], ["x", "y"])
    with pytest.raises(DataError, match="held in memory"):
        dataset.save_manifest(folder / "m.jsonl")
    outside = Row(source=FileSource(Path("/tmp/x.png"), "x.png"), labels=("x",))
    with pytest.raises(DataError, match="not a file under the root"):
        Dataset(rows=(outside,), classes=("x",), root=root).save_manifest(folder / "m.jsonl")
    with pytest.raises(ConfigError, match=r"m\.csv"):
        dataset.save_manifest(folder / "m.csv")
    assert not list(folder.glob("m.*"))


def picture_of(level: int) -> np.ndarray:
    return np.full((8, 8), level, np.uint8)


# Names that files may have, with what manifests and other systems find odd.
NAMES = st.text(
    st.one_of(
        st.sampled_from(string.ascii_letters + ' .,"|\\:\n\t\r;-é\u202e\u0301\udcff'),
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=12,
).filter(lambda name: name.strip(".") and ".." not in name.replace("\\", "/").split("/"))
LABELS = st.text(min_size=1, max_size=6).map(clean_label)


@st.composite
def datasets(draw, root: Path) -> Dataset:
    task = draw(st.sampled_from(["multi_class", "multi_label"]))
    classes = draw(
        st.lists(
            LABELS, min_size=2, max_size=4, unique_by=lambda x: clean_label(x).casefold().strip()
        )
    )
    count = (1, 1) if task == "multi_class" else (0, len(classes))
    rows = []
    for name in draw(st.lists(NAMES, max_size=5, unique=True)):
        (root / name).write_bytes(b"x")
        labels = st.lists(
            st.sampled_from(classes), min_size=count[0], max_size=count[1], unique=True
        )
        rows.append(
            Row(
                source=FileSource(root / name, name),
                labels=tuple(draw(labels)),
                split=draw(st.sampled_from([None, "train", "validation", "test"])),
                group=draw(st.none() | st.text(max_size=5)),
                sha256=draw(st.none() | st.just("0" * 64)),
                extra=draw(st.dictionaries(st.sampled_from("uvw"), st.text(max_size=5))),
            )
        )
    return Dataset(rows=tuple(rows), classes=tuple(sorted(classes)), task=task, root=root)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_saved_reads_back_equal(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("law")
    dataset = data.draw(datasets(root))
    dataset.save_manifest(root / "manifest.jsonl")
    assert Dataset.from_manifest(root / "manifest.jsonl") == dataset
