"""The ledger's scripts as Redis runs them: each includes what it uses, and no more."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from facelift.ledger.keys import Keys
from facelift.ledger.scripts import load_script

LUA = Path(str(resources.files("facelift.ledger"))) / "lua"
NAMES = [
    path.relative_to(LUA).with_suffix("").as_posix()
    for path in sorted(LUA.rglob("*.lua"))
    if path.parent.name != "include"
]


def includes(name: str) -> set[str]:
    """The files that a script, or an include, names in its first line."""
    first_line = (LUA / f"{name}.lua").read_text("utf-8").partition("\n")[0]
    named = first_line.removeprefix("-- include: ")
    return set() if named == first_line else {f"include/{each}" for each in named.split(", ")}


def code_of(name: str) -> str:
    """A script's whole source without comments and strings."""
    return without_comments(load_script(name, Keys()).source)


def without_comments(source: str) -> str:
    return re.sub(r"'[^'\n]*'|--[^\n]*", "", source)


@pytest.mark.parametrize("name", NAMES)
def test_script_includes_no_file_that_it_does_not_use(name: str) -> None:
    files = {name}
    while new := {each for file in files for each in includes(file)} - files:
        files |= new
    codes = {file: without_comments((LUA / f"{file}.lua").read_text("utf-8")) for file in files}
    for file in files - {name}:
        declared = set(re.findall(r"^local (?:function )?(\w+)", codes[file], re.MULTILINE))
        elsewhere = "".join(code for other, code in codes.items() if other != file)
        assert declared & set(re.findall(r"\w+", elsewhere)), file


@pytest.mark.parametrize("name", NAMES)
def test_script_declares_every_function_before_its_use(name: str) -> None:
    code = code_of(name)
    called = {
        match[1]: match.start()
        for match in reversed(list(re.finditer(r"(?<![.:\w])(\w+)\(", code)))
    }
    built_in = {"tonumber", "tostring", "ipairs", "pairs", "unpack", "next", "type", "pcall"}
    own = called.keys() - built_in - {"error", "and", "or", "not", "if", "function", "return"}
    for function in own:
        declaration = re.search(rf"local function {function}\b", code)
        assert declaration, function
        assert declaration.start() <= called[function], function


def test_every_include_belongs_to_a_script() -> None:
    included = {
        include
        for path in LUA.rglob("*.lua")
        for line in path.read_text("utf-8").splitlines()[:1]
        if line.startswith("-- include: ")
        for include in line.removeprefix("-- include: ").split(", ")
    }
    assert included == {path.stem for path in (LUA / "include").iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_keys_of_a_script_follow_the_prefix(name: str) -> None:
    source = load_script(name, Keys("shop")).source
    assert "facelift}" not in source
    assert "@QUEUE@" not in source
    assert "@MESSAGE@" not in source


def test_scripts_name_no_key_that_keys_py_does_not() -> None:
    written = {
        name
        for name in NAMES
        for name in re.findall(r"\{facelift\}:(\w+)", load_script(name, Keys()).source)
    }
    assert written <= set(vars(Keys))
