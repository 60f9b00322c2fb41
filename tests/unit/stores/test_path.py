from __future__ import annotations

import posixpath
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected
from worker.stores.web import encode_path

BASE = "https://cdn.example.com/images/"

# Much of what could lead somewhere, in any order.
PIECES = (
    *("..", ".", "/", "\\", "%2e", "%2E", "%2f", "%5c", "%252e", "%252f", ";", ";x"),
    *("?", "#", "@", ":", "//", "http:", "evil.example", " ", "\t", "\r\n", "\0", "a", "é", "%"),
)
tricks = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(tricks | st.text(max_size=30))
@example("..%2f..%2fetc")
@example("%252e%252e%252fetc")
@example("..;/etc")
def test_no_path_leads_out_however_often_it_is_decoded(path: str) -> None:
    try:
        encoded = encode_path(path)
    except ImageRejected:
        return
    assert urljoin(BASE, "./" + encoded).startswith(BASE)
    parts = urlsplit(BASE + encoded)
    assert (parts.netloc, parts.query, parts.fragment) == ("cdn.example.com", "", "")
    assert encoded.isascii()
    assert encoded.isprintable()
    assert unquote(encoded) == path
    seen = parts.path
    for _ in range(3):
        below = posixpath.normpath(seen.replace("\\", "/"))
        assert (below + "/").startswith("/images/")
        assert ".." not in below.split("/")
        seen = unquote(seen)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../b",
        "a/./b",
        ".",
        "a/..",
        "%2e%2e/x",
        "..%2Fx",
        "%252e%252e/x",
        "a\\..\\x",
        "..%5cx",
        "..;/x",
        "..;jsessionid=1/x",
        "/x",
        "//evil.example/x",
    ],
)
def test_a_path_that_could_lead_out_is_refused(path: str) -> None:
    with pytest.raises(ImageRejected) as caught:
        encode_path(path)
    assert caught.value.code is OutcomeCode.IMAGE_OUTSIDE_STORE


@pytest.mark.parametrize("path", ["..png", "...", "a..b/c", "a/.hidden", "v1..2;x", "100%.png"])
def test_dots_that_are_no_segment_are_a_part_of_the_name(path: str) -> None:
    assert unquote(encode_path(path)) == path
