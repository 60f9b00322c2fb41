"""`facelift check` and `facelift fit`: what a worker would make of pictures in local files."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from facelift.cli.exits import Exit
from facelift.cli.options import json_option
from facelift.job import Fit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.images.check import Finding
    from worker.images.validate import ImageLimits, ValidImage

_WIDTH = 80
_NAME_WIDTH = 36
_ROW = "{:<{name}}  {:<9}  {:<11}  {:<9}  {}"


@click.command()
@click.argument(
    "images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--fit",
    "how",
    type=click.Choice([fit.value for fit in Fit]),
    default=Fit.STRICT.value,
    show_default=True,
    help="Judge as for a job that was enqueued with this --fit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, an object an image.")
def check(images: tuple[Path, ...], how: str, *, as_json: bool) -> None:
    """Check whether a worker would upload image files.

    They are judged by the code that workers use, with the settings FACELIFT_IMAGE_... that
    are set here. Exits with 3 if one would be refused.

    \b
    Example:
      facelift check --fit crop *.jpg
    """  # noqa: D301 - click wants the escape, not the backslash
    from worker.images.check import inspect  # noqa: PLC0415 - heavy, and not needed for --help

    limits = _limits()
    findings = [inspect(image, limits, Fit(how)) for image in images]
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings], indent=2))
    else:
        click.echo("\n".join(_table(findings)))
    sys.exit(Exit.OK if all(map(_is_good, findings)) else Exit.FAILED)


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Where to write.  [default: beside IMAGE, such as rose-fitted.jpg]",
)
@click.option(
    "--crop/--pad", "crops", default=True, help="How to make it square; crop unless told."
)
@click.option("--force", is_flag=True, help="Overwrite OUT if it is there.")
@json_option
def fit(image: Path, output: Path | None, *, crops: bool, force: bool, as_json: bool) -> None:
    """Write an image as a job with a fit uploads it.

    Shows before and after. A picture that can be sent as it is stays as it is. Exits with 3
    if the picture cannot be mended. With --json it is an object as of `facelift check`, and
    `written`: where to.

    \b
    Example:
      facelift fit holiday.jpg --pad -o square.jpg
    """  # noqa: D301 - click wants the escape, not the backslash
    from worker.images.check import inspect  # noqa: PLC0415 - heavy, and not needed for --help

    finding = inspect(image, _limits(), Fit.CROP if crops else Fit.PAD)
    if isinstance(finding.verdict, Exception):
        if as_json:
            click.echo(json.dumps(finding.as_dict() | {"written": None}))
        _fail(
            f"{_show(image)}: {finding.verdict.code}: {finding.verdict.sentence}",
            Exit.FAILED,
        )
    fitted = finding.verdict
    target = output or image.with_name(f"{image.stem}-fitted{fitted.format.suffix}")
    _write(target, fitted.data, force=force)
    if as_json:
        click.echo(json.dumps(finding.as_dict() | {"written": _show(target)}))
    else:
        click.echo("\n".join(_before_and_after(finding, fitted, target)))


def _limits() -> ImageLimits:
    from worker.settings.load import load_for_images  # noqa: PLC0415 - the same

    return load_for_images(os.environ).image_limits()


def _is_good(finding: Finding) -> bool:
    return not isinstance(finding.verdict, Exception)


def _table(findings: list[Finding]) -> Iterator[str]:
    names = [_shorten(_show(finding.path)) for finding in findings]
    width = max(map(len, [*names, "IMAGE"]))
    yield _ROW.format("IMAGE", "FORMAT", "PIXELS", "SIZE", "VERDICT", name=width)
    for name, finding in zip(names, findings, strict=True):
        if isinstance(finding.verdict, Exception):
            verdict, why = "refused", f"{finding.verdict.code}: {finding.verdict.sentence}"
        else:
            verdict, why = "fitted" if finding.verdict.fitted else "ok", finding.verdict.fitted
        size = "-" if finding.size is None else _size(finding.size)
        yield _ROW.format(
            name, finding.format or "-", _pixels(finding.pixels), size, verdict, name=width
        )
        if why:
            yield textwrap.fill(
                why,
                width=_WIDTH,
                initial_indent="  ",
                subsequent_indent="  ",
                break_on_hyphens=False,
            )
    good = sum(map(_is_good, findings))
    yield f"{good} of {len(findings)} can be sent."


def _before_and_after(finding: Finding, fitted: ValidImage, target: Path) -> Iterator[str]:
    rows = (
        ("", "Before", "After"),
        ("Format", finding.format or "-", fitted.format.label),
        ("Pixels", _pixels(finding.pixels), _pixels((fitted.side, fitted.side))),
        ("Bytes", f"{finding.size:,}", f"{len(fitted.data):,}"),
    )
    for label, before, after in rows:
        yield f"{label:<9}{before:<14}{after}"
    yield f"{'Changed':<9}{fitted.fitted or 'nothing: it can be sent as it is'}"
    note = ""
    if target.suffix.lower().replace(".jpeg", ".jpg") != fitted.format.suffix:
        note = f", which is a {fitted.format.label}, whatever its name says"
    yield f"{'Written':<9}{_show(target)}{note}"


def _write(target: Path, data: bytes, *, force: bool) -> None:
    try:
        with target.open("wb" if force else "xb") as file:
            file.write(data)
    except FileExistsError:
        _fail(f"{_show(target)} is there already; --force overwrites it", Exit.USAGE)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        _fail(f"{_show(target)} cannot be written: {reason}", Exit.USAGE)


def _fail(message: str, code: Exit) -> NoReturn:
    click.echo(f"facelift: {message}", err=True)
    sys.exit(code)


def _pixels(pixels: tuple[int, int] | None) -> str:
    return "\N{MULTIPLICATION SIGN}".join(map(str, pixels)) if pixels else "-"


def _size(size: int) -> str:
    from worker.images.fit import show_size  # noqa: PLC0415 - heavy, and not needed for --help

    return show_size(size)


def _show(path: Path) -> str:
    """A path that is safe to print: a file's name may hold anything."""
    name = click.format_filename(path)
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )


def _shorten(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"...{name[3 - _NAME_WIDTH :]}"
