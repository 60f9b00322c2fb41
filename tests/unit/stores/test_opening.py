from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from worker.stores import FolderStore, HttpsStore, open_stores

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 100


def problem(url: str) -> str:
    with pytest.raises(ValueError, match="media: ") as caught:
        open_stores({"media": url})
    return str(caught.value.args[0]).removeprefix("media: ")


def test_folders_open_by_file_url(tmp_path: Path) -> None:
    spaced = tmp_path / "my images"
    spaced.mkdir()
    (spaced / "1.png").write_bytes(b"one")
    assert "%20" in spaced.as_uri()
    stores = open_stores({"media": tmp_path.as_uri(), "mine": spaced.as_uri()})
    assert stores["media"].read("my images/1.png", LIMIT) == b"one"
    assert stores["mine"].read("1.png", LIMIT) == b"one"


def test_each_scheme_opens_its_kind_of_store() -> None:
    stores = open_stores(
        {
            "files": "file:///",
            "cdn": "https://cdn.example.com/images/",
            "internal": "https+private://images.internal",
            "beside": "http+private://nginx:8080/images",
        }
    )
    kinds = {name: type(store) for name, store in stores.items()}
    assert kinds == {
        "files": FolderStore,
        "cdn": HttpsStore,
        "internal": HttpsStore,
        "beside": HttpsStore,
    }


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("/srv/media", "must begin with one of file://, http+private://, https://, "),
        ("file:media", "must begin with one of file://, http+private://, https://, "),
        ("ftp://host/", "must begin with one of file://, http+private://, https://, "),
        ("s3+private://host/", "must begin with one of file://, http+private://, https://, "),
        ("HTTPS://cdn.example.com", "must begin with one of file://, http+private://, https://, "),
        ("", "must begin with one of file://, http+private://, https://, "),
        ("file://server/media", "must name no host"),
        ("file:///srv/media?x", "must write ? and # in a folder's name as %3F and %23"),
        ("file:///srv/media#x", "must write ? and # in a folder's name as %3F and %23"),
        ("file:///no/such/folder", "the folder '/no/such/folder' cannot be read: No such file"),
        ("file:///etc/passwd", "the folder '/etc/passwd' cannot be read: Not a directory"),
        ("file:///tmp%00/x", "the folder '/tmp\\x00/x' cannot be read: "),
        ("http://cdn.example.com/", "must begin with https://; http+private:// is for servers"),
        ("https://", "must be a base URL, such as https://cdn.example.com/images/"),
        ("https://.example.com/", "must be a base URL"),
        ("https:///images", "must be a base URL"),
        ("https://cdn example.com", "must be a base URL"),
        ("https://cdn.example.com:0/", "must be a base URL"),
        ("https://cdn.example.com:x/", "must be a base URL"),
        ("https://[fe80::1%25eth0]/", "must be a base URL"),
        ("https://user:word@cdn.example.com/", "must have no user"),
        ("https://cdn.example.com/?sig=x", "must have no user, password, query or fragment"),
        ("https://cdn.example.com/#x", "must have no user, password, query or fragment"),
        ("https://10.0.0.1/", "has an address for its host that is not public"),
        ("https://[::1]/", "has an address for its host that is not public"),
        ("https+private://169.254.169.254/", "has an address for its host that no server may have"),
        ("http+private://8.8.8.8/", "has an address for its host that is not private"),
    ],
)
def test_a_url_that_cannot_be_opened_is_a_problem(url: str, why: str) -> None:
    assert problem(url).startswith(why)


def test_all_problems_are_reported_together_without_a_password() -> None:
    with pytest.raises(ValueError, match="photos: ") as caught:
        open_stores(
            {
                "media": "file:///no/such/folder",
                "good": "file:///",
                "photos": "ftp://u:pw@host/",
                "cdn": "https://u:pw@host/",
                "bucket": "s3://u:pw@host/",
            }
        )
    names = [problem.split(":")[0] for problem in caught.value.args]
    assert names == ["media", "photos", "cdn", "bucket"]
    assert "pw" not in str(caught.value)


def test_certificates_that_cannot_be_read_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    assert problem("https://cdn.example.com/") == (
        "needs the certificates that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names: "
        "No such file or directory"
    )


def test_a_bucket_without_botocore_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worker.stores.s3", raising=False)
    monkeypatch.setitem(sys.modules, "botocore", None)
    assert problem("s3://bucket?region=eu-west-1") == (
        "needs botocore, which is not installed: pip install ./client '.[s3]'"
    )


def test_other_stores_do_without_botocore() -> None:
    code = (
        "import sys; from worker.stores import open_stores; "
        "open_stores({'a': 'file:///', 'b': 'https://cdn.example.com'}); "
        "sys.exit('botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
