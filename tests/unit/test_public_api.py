"""The public names: both faces alike, typed without gaps, and all that is returned exported."""

from __future__ import annotations

import dataclasses
import inspect
import pydoc
import subprocess
import sys
from collections import abc
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

import pytest

import facelift
from facelift import AsyncUploadClient, UploadClient

if TYPE_CHECKING:
    from collections.abc import Iterator

FACES = [UploadClient, AsyncUploadClient]
INTERNAL = {"JobStore"}
"""Of what `ledger` is: the workers' side."""
FROM_THE_WIRE = {"from_fields", "from_dict", "decode"}
"""They take whatever JSON or Redis holds."""


def methods(kind: type) -> dict[str, Any]:
    found = inspect.getmembers(kind, lambda member: callable(member) or is_property(member))
    return {name: member for name, member in found if not name.startswith("_")}


def is_property(member: object) -> bool:
    return isinstance(member, property)


def hints(member: Any) -> dict[str, Any]:
    return get_type_hints(member.fget if isinstance(member, property) else member)


def result(method: Any) -> Any:
    """What a caller gets, whether he awaits it or not."""
    kind = hints(method).get("return")
    return tuple(get_args(kind)[:1]) if get_origin(kind) in STREAMS else kind


STREAMS = {abc.Iterator, abc.AsyncGenerator}


def signature(method: Any) -> list[inspect.Parameter]:
    own: Any = method.fget if isinstance(method, property) else method
    found = inspect.signature(own)
    types = hints(method)
    return [each.replace(annotation=types.get(name)) for name, each in found.parameters.items()]


def test_both_faces_have_the_same_methods() -> None:
    blocking, asynchronous = map(methods, FACES)
    assert asynchronous.keys() == blocking.keys()
    for name, method in blocking.items():
        assert signature(asynchronous[name]) == signature(method), name
        assert result(asynchronous[name]) == result(method), name
    assert signature(AsyncUploadClient.__init__) == signature(UploadClient.__init__)


@pytest.mark.parametrize("name", methods(UploadClient))
def test_asynchronous_method_is_awaited_or_read_by_async_for(name: str) -> None:
    method, own = getattr(UploadClient, name), getattr(AsyncUploadClient, name)
    if name in {"from_env", "ledger"}:
        return
    if get_origin(hints(method)["return"]) is abc.Iterator:
        assert get_origin(hints(own)["return"]) is abc.AsyncGenerator
    else:
        assert inspect.iscoroutinefunction(own)


def exported() -> dict[str, Any]:
    return {name: getattr(facelift, name) for name in facelift.__all__}


def described() -> Iterator[tuple[str, Any]]:
    """Everything public that has type hints: classes, and what callers use of them."""
    for name, value in exported().items():
        if inspect.isclass(value):
            yield name, value
            yield f"{name}()", value.__init__
            for method, member in methods(value).items():
                if not inspect.isclass(member) and hasattr(member, "__module__"):
                    yield f"{name}.{method}", member


def leaves(kind: Any) -> Iterator[Any]:
    """The types that a hint is made of."""
    if (inspect.isclass(kind) and get_origin(kind) is None) or kind is Any:
        yield kind
    for part in get_args(kind):
        yield from leaves(part)


def test_type_hints_of_everything_public_can_be_read() -> None:
    for name, member in described():
        assert isinstance(hints(member), dict), name


def test_all_that_is_returned_and_taken_is_exported() -> None:
    known = set(exported()) | INTERNAL
    missing = {
        f"{name}: {kind.__name__}"
        for name, member in described()
        for kind in leaves(tuple_of(hints(member)))
        if inspect.isclass(kind)
        and kind.__module__.partition(".")[0] == "facelift"
        and kind.__name__ not in known
    }
    assert missing == set()


def tuple_of(found: dict[str, Any]) -> Any:
    return tuple[tuple(found.values())]  # type: ignore[misc] # for `leaves` alone


@pytest.mark.parametrize("face", FACES)
def test_no_option_takes_just_anything(face: type) -> None:
    makes: Any = inspect.getattr_static(face, "__init__")
    for name, method in [*methods(face).items(), ("", makes)]:
        for option, kind in hints(method).items():
            assert option == "return" or Any not in leaves(kind), (name, option)


@pytest.mark.parametrize("face", FACES)
def test_help_has_the_meaning_and_arguments_of_every_method(face: type) -> None:
    text = pydoc.plain(pydoc.render_doc(face))
    for name, method in methods(face).items():
        first = (inspect.getdoc(method) or "").partition("\n")[0]
        assert first, name
        assert first in text, name
    assert "Producer." not in text
    assert "<function" not in text


def test_public_values_are_described_field_by_field() -> None:
    for name, value in exported().items():
        if dataclasses.is_dataclass(value):
            doc = inspect.getdoc(value) or ""
            for field in dataclasses.fields(value):
                if "The other fields are those" not in doc and "The others are" not in doc:
                    assert f"{field.name}:" in doc, f"{name}.{field.name}"


def test_every_public_name_is_found_though_some_are_imported_late() -> None:
    assert set(facelift.__all__) <= set(dir(facelift))
    namespace: dict[str, object] = {}
    exec("from facelift import *", namespace)  # noqa: S102 - a line of ours
    assert set(facelift.__all__) <= namespace.keys()
    with pytest.raises(AttributeError, match="has no attribute 'Uploader'"):
        _ = facelift.Uploader  # type: ignore[attr-defined]


def test_client_imports_nothing_that_redis_does_not_import_and_no_status() -> None:
    program = (
        "import sys, redis, redis.asyncio; before = set(sys.modules)\n"
        "from facelift import AsyncUploadClient; print(*set(sys.modules) - before)"
    )
    command = [sys.executable, "-I", "-c", program]
    added = set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert {name for name in added if not name.startswith("facelift")} <= {"unicodedata"}
    assert added & {f"facelift.status.{each}" for each in ("pool", "worker", "server")} == set()
