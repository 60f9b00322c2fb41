"""Jobs are read line by line; a bad line is reported and spoils no other."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from facelift.cli.bulk.lines import Defaults, JobFile, Line, read_folder
from facelift.errors import InvalidJob

DEFAULTS = Defaults(
    batch="logos", account="acme", fit="pad", priority="high", fairness_key="customer-7"
)
HEADER = b"chatbot_id,image\n"


def read(content: bytes, defaults: Defaults = DEFAULTS) -> list[Line]:
    return list(JobFile(io.BytesIO(content), defaults))


def made(content: bytes) -> list[tuple[str, str | None]]:
    return [(line.job.chatbot_id, line.job.image) for line in read(content) if line.job]


def problem(content: bytes) -> str:
    """What is wrong with the second of three lines."""
    good, bad, after = read(content)
    assert good.job
    assert after.job
    assert bad.job is None
    return bad.problem


@pytest.mark.parametrize(
    "content",
    [
        b"chatbot_id,image,metadata.user_id,metadata.page\na,media:1.png,42,\nb,media:2.png,,\n",
        (
            b'{"chatbot_id":"a","image":"media:1.png","metadata":{"user_id":"42"}}\n'
            b'{"chatbot_id":"b","image":"media:2.png"}\n'
        ),
    ],
)
def test_metadata_have_a_column_each_or_an_object(content: bytes) -> None:
    assert [line.job.metadata for line in read(content) if line.job] == [{"user_id": "42"}, None]


def test_column_of_metadata_without_a_name_is_refused_and_the_right_form_is_named() -> None:
    with pytest.raises(InvalidJob, match=r"has a column 'metadata', .*metadata\.NAME"):
        read(b"chatbot_id,image,metadata\na,media:1.png,x\n")


@pytest.mark.parametrize(
    "content",
    [
        b"chatbot_id,image\na,media:1.png\nb,media:2.png\n",
        b"chatbot_id,image\na,media:1.png\nb,media:2.png",
        b"\xef\xbb\xbfchatbot_id,image\r\na,media:1.png\r\nb,media:2.png\r\n",
        b"\n\r\nchatbot_id,image\n\na,media:1.png\n   \nb,media:2.png\n\n",
        b'"image","chatbot_id"\n"media:1.png","a"\nmedia:2.png,b\n',
        b"Image ; Chatbot_ID\nmedia:1.png;a\nmedia:2.png;b\n",
        b"chatbot_id\timage\na\tmedia:1.png\nb\tmedia:2.png\n",
        b"chatbot_id,image\ra,media:1.png\rb,media:2.png\r",
        b"chatbot_id,image\ra,media:1.png\r\nb,media:2.png\n\r",
        b'{"chatbot_id":"a","image":"media:1.png"}\r{"image":"media:2.png","chatbot_id":"b"}\r',
        b"chatbot_id;image;;\r\na;media:1.png;;\r\nb;media:2.png;;\r\n;;;\r\n;;;\r\n",
        b"chatbot_id,image\na,media:1.png, ,\n , \nb,media:2.png,\n",
        b",,\nchatbot_id,image,\na,media:1.png,\nb,media:2.png,\n",
        b"sep=;\r\nchatbot_id;image\r\na;media:1.png\r\nb;media:2.png\r\n",
        b"\xef\xbb\xbfsep=\t\r\nchatbot_id\timage\r\na\tmedia:1.png\r\nb\tmedia:2.png",
        b'"SEP=|"\nchatbot_id|image\na|media:1.png\nb|media:2.png\n',
        *(
            "\ufeffchatbot_id\timage\r\na\tmedia:1.png\r\nb\tmedia:2.png\r\n".encode(encoding)
            for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
        ),
        "\ufeffsep=,\rchatbot_id,image,\ra,media:1.png,\rb,media:2.png,\r".encode("utf-16-le"),
        b'{"chatbot_id": "a", "image": "media:1.png"}\n{"image":"media:2.png","chatbot_id":"b"}',
        (
            b'\xef\xbb\xbf{"chatbot_id":"a","image":"media:1.png"}\r\n\n'
            b'{"chatbot_id":"b","image":"media:2.png"}'
        ),
    ],
)
def test_what_spreadsheets_and_programs_write_is_read(content: bytes) -> None:
    assert made(content) == [("a", "media:1.png"), ("b", "media:2.png")]


def test_letters_of_utf_16_are_read_over_the_bounds_of_pieces() -> None:
    names = [f"\u0a0a\u0d0d机{number}" for number in range(4_000)]  # bytes that look like line ends
    rows = "".join(f"{name}\tmedia:ü.png\r\n" for name in names)
    content = f"\ufeffchatbot_id\timage\r\n{rows}"
    for encoding in ("utf-16-le", "utf-16-be", "utf-8"):
        assert made(content.encode(encoding)) == [(name, "media:ü.png") for name in names]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_line_is_as_long_as_it_may_be_whatever_ends_it(end: bytes) -> None:
    for length in (65_534, 65_535, 65_536, 65_537, 131_072, 200_000):
        long = b"b,media:" + b"x" * (length - 8)
        good, bad, after = read(
            end.join([b"chatbot_id,image", b"a,media:1.png", long, b"c,m:3", b""])
        )
        assert (good.place, bad.place, after.place) == ("line 2", "line 3", "line 4")
        assert bad.job is None
        assert after.job
        assert len(bad.raw) <= 65_536


def test_invalid_utf_16_spoils_its_own_line() -> None:
    content = "\ufeffchatbot_id,image\na,media:1.png\nb,media:X.png\nc,media:3.png\n"
    assert "holds what is invalid in its encoding" in problem(
        content.encode("utf-16-le").replace(b"X\0", b"\0\xd8")
    )


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\t", "\u2009", "\u200b", "\ufeff", "\u3164"])
def test_blanks_around_an_id_are_refused_with_their_line(blank: str) -> None:
    for cell in (f"{blank}b", f"b{blank}"):
        found = problem(f"chatbot_id,image\na,m:1\n{cell},m:2\nc,m:3\n".encode())
        assert found.startswith("chatbot_id: must")


@pytest.mark.parametrize("name", ["g_cr_only.csv", "d_trailing_empty_cols.csv"])
def test_tables_of_spreadsheets_are_read(name: str) -> None:
    lines = read((Path(__file__).with_name("tables") / name).read_bytes())
    assert [(line.job and line.job.image, line.problem) for line in lines] == [
        ("media:p01_plain.png", "")
    ] * len(lines)
    assert len(lines) == {"g": 2, "d": 1}[name[0]]


def test_quotes_hold_separators_and_quotes() -> None:
    assert made(HEADER + b'"a,1","media:say ""hi"".png"\n') == [("a,1", 'media:say "hi".png')]


def test_every_field_of_a_job_can_be_set() -> None:
    sha256 = "ab" * 32
    (line,) = read(
        b"chatbot_id,image,account,fit,sha256,idempotency_key,not_before,expires_at,job_id,"
        b"priority,fairness_key\n"
        b"a,media:1.png,shop,crop,"
        + sha256.encode()
        + b",key,1764000000,2025-11-25T00:00:00Z,mine,"
        b"low,customer-42"
    )
    assert line.job
    assert (line.job.account, line.job.fit, line.job.sha256) == ("shop", "crop", sha256)
    assert (line.job.idempotency_key, line.job_id) == ("key", "mine")
    assert (line.job.priority, line.job.fairness_key) == ("low", "customer-42")
    assert (line.job.not_before, line.job.expires_at) == (1764000000, 1764028800)


def test_what_a_line_leaves_out_is_as_was_asked_for_all() -> None:
    for content in (
        b"chatbot_id,image,account,fit\na,media:1.png,, \n",
        b'{"chatbot_id": "a", "image": "media:1.png"}\n',
    ):
        (line,) = read(content)
        assert line.job
        assert (line.job.account, line.job.fit, line.job.batch) == ("acme", "pad", "logos")
        assert (line.job.priority, line.job.fairness_key) == ("high", "customer-7")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"b,no-colon", "image: must be <store>:<path>, such as media:bots/42.png"),
        (b"b", "must have 2 fields as the header, not 1"),
        (b"b,media:1.png,x", "must have 2 fields as the header, not 3"),
        (b",media:1.png", "chatbot_id: is missing"),
        (b'"b,media:1.png', "has a quote that is not closed"),
        (b"b,media:\xff.png", "is not UTF-8"),
        (b"b,media:\x00.png", "image: must hold no control characters"),
        (b"b,media:" + b"x" * 2_000, "image: is 2006 characters long"),
        (b"b,media:" + b"x" * 200_000, "is longer than 65535 bytes"),
    ],
)
def test_bad_line_of_a_table_is_reported_and_the_next_is_read(line: bytes, shown: str) -> None:
    assert shown in problem(HEADER + b"a,media:1.png\n" + line + b"\nc,media:3.png\n")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'{"chatbot_id": "b"', "is not JSON: "),
        (b"[1]", "must be a JSON object with the fields of a job"),
        (b'{"chatbot_id": "b"}', "image: is missing"),
        (b'{"chatbot_id": 7, "image": "media:1.png"}', "chatbot_id: must be text, not int"),
        (b'{"chatbot_id":"b","image":"media:1.png","x":1}', "x: is not one of job_id, chatbot_id"),
        (b'{"chatbot_id":"b","image":"media:1.png","batch":"x"}', "batch: is not one of job_id"),
        (b'{"chatbot_id":"b","image":"media:1.png","job_id":7}', "job_id: must be 1 to 64"),
        (b'{"chatbot_id":"b","image":"media:1.png","not_before":"soon"}', "not_before: 'soon' is"),
        (b"[" * 60_000, "is nested too deeply"),
    ],
)
def test_bad_line_of_objects_is_reported_and_the_next_is_read(line: bytes, shown: str) -> None:
    good = b'{"chatbot_id": "a", "image": "media:1.png"}\n'
    assert shown in problem(good + line + b"\n" + good)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"a,media:1.png\n", "line 1: must name the columns, among them chatbot_id"),
        (b"\nchatbot_id\na\n", "line 2: must name the columns, among them image"),
        (b"chatbot_id,image,size\n", "line 1: has a column 'size', which is not one of job_id"),
        (b"chatbot_id,image,batch\n", "line 1: has a column 'batch'"),
        (b"chatbot_id,image,image\n", "line 1: has two columns 'image'"),
        (b"\xff,\n", "line 1: is not UTF-8, or lacks the byte order mark of UTF-16"),
        ("chatbot_id,image\n".encode("utf-16-le"), "line 1: must name the columns, among them"),
        ("sep=;\nchatbot_id,image\n".encode("utf-16"), "line 2: must name the columns, among them"),
        (b'\r"chatbot_id,image\r', "line 2: has a quote that is not closed"),
        (b"sep=:\nchatbot_id:image\n", "line 1: must name the columns"),
        (b"chatbot_id;;image\n", "line 1: has a column '', which is not one of"),
        (b'[{"chatbot_id": "a"}]', "line 1: must hold one JSON object, not a list of them"),
    ],
)
def test_file_that_begins_wrongly_is_refused_as_a_whole(content: bytes, shown: str) -> None:
    with pytest.raises(InvalidJob) as caught:
        read(content)
    assert str(caught.value).startswith(shown)


@pytest.mark.parametrize("content", [b"", b"\n\n", HEADER])
def test_file_without_jobs_is_no_error(content: bytes) -> None:
    assert read(content) == []


def test_lines_have_their_numbers_and_stand_as_they_do_in_the_file() -> None:
    file = JobFile(io.BytesIO(HEADER + b"\n\r\na,media:1.png\r\nb,no\n"), DEFAULTS)
    assert [(line.place, line.raw) for line in file] == [
        ("line 4", b"a,media:1.png\r\n"),
        ("line 5", b"b,no\n"),
    ]
    assert file.header == HEADER


def test_the_id_of_a_job_is_the_same_for_the_same_line_of_the_same_batch_only() -> None:
    content = HEADER + b"a,media:1.png\na,media:1.png\nb,media:1.png\n"
    ids = [line.job_id for line in read(content)]
    assert len(set(ids)) == 3  # the same again, later, may undo what stood between
    assert [line.job_id for line in read(content)] == ids
    assert [line.job_id for line in read(content.replace(b"\n", b"\r\n"))] == ids
    other = Defaults(batch="other", account="acme", fit="pad")
    assert not {line.job_id for line in read(content, other)} & set(ids)
    mended = read(content.replace(b"b,media", b"c,media"))
    assert [line.job_id == job_id for line, job_id in zip(mended, ids, strict=True)] == [
        True,
        True,
        False,
    ]


def test_image_in_a_folder_belongs_to_the_chatbot_in_its_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").touch()
    (line,) = read_folder(["a.png"], tmp_path, "media", "bots/", DEFAULTS)
    assert line.job
    assert (line.job.chatbot_id, line.job.image) == ("a", "media:bots/a.png")


def test_image_that_changed_is_another_job(tmp_path: Path) -> None:
    def job_id() -> str:
        (line,) = read_folder(["a.png"], tmp_path, "media", "", DEFAULTS)
        return line.job_id

    (tmp_path / "a.png").write_bytes(b"1")
    before = job_id()
    assert job_id() == before
    (tmp_path / "a.png").write_bytes(b"22")
    assert job_id() != before


def test_what_is_wrong_with_a_file_of_a_folder_is_reported(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).touch()
    lines = read_folder(["a.jpg", "a.png", "gone.png"], tmp_path, "media", "", DEFAULTS)
    assert [line.problem for line in lines] == [
        "",
        "chatbot_id: 'a' has another image here: a.jpg",
        "cannot be read: No such file or directory",
    ]


def test_table_mixes_images_and_removals_of_both_assets() -> None:
    content = (
        b"chatbot_id,image,asset,action\n"
        b"a,media:1.png,,\nb,media:2.png,icon,set\nc,,icon,remove\nd,,,remove\n"
    )
    jobs = [line.job for line in read(content)]
    assert [(job.asset, job.action, job.image) for job in jobs if job] == [
        ("profile_picture", "set", "media:1.png"),
        ("icon", "set", "media:2.png"),
        ("icon", "remove", None),
        ("profile_picture", "remove", None),
    ]
    assert [job.fit for job in jobs if job] == ["pad", "pad", "strict", "strict"]


def test_table_of_removals_needs_no_images() -> None:
    assert made(b"chatbot_id,action\na,remove\n") == [("a", None)]
    (line,) = read(b"chatbot_id,action\na,set\n")
    assert line.problem == "image: is missing"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"chatbot_id": "a", "action": "remove", "image": "media:a.png"}', "image: must be left"),
        (b'{"chatbot_id": "a", "action": "remove", "fit": "pad"}', "fit: must be left out of a"),
        (b'{"chatbot_id": "a", "action": "delete"}', "action: must be one of set, remove, not"),
        (b'{"chatbot_id": "a", "image": "m:a", "asset": "x"}', "asset: must be one of profile_"),
    ],
)
def test_line_that_removes_an_image_it_names_is_bad(line: bytes, why: str) -> None:
    (found,) = read(line)
    assert found.problem.startswith(why)


def test_folder_has_other_jobs_for_pictures_than_for_icons(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    picture, icon = (
        next(iter(read_folder(["a.png"], tmp_path, "media", "", Defaults("b", asset=asset))))
        for asset in ("profile_picture", "icon")
    )
    assert picture.job
    assert icon.job
    assert (picture.job.asset, icon.job.asset) == ("profile_picture", "icon")
    assert picture.job_id != icon.job_id
