"""`facelift check` and `facelift fit`: what a worker does with images in local files."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import click
from rich.console import RenderableType

from facelift.asset import Asset
from facelift.cli.draw.console import Paragraph, cell, print_json, say, show
from facelift.cli.exits import Exit
from facelift.cli.options import asset_option, fit_focus_option, json_option
from facelift.fit import CENTRE, Fit, check_fit_focus
from facelift.job import DEFAULT_ACCOUNT, check_account
from facelift.text import printable
from worker.images.check import Finding, inspect
from worker.images.fit import show_size
from worker.images.validate import ValidImage
from worker.settings.load import load_for_images

_NAME_WIDTH = 36
_ROW = "{:<{name}}  {:<9}  {:<11}  {:<9}  {}"

_account_option = click.option(
    "--account",
    default=DEFAULT_ACCOUNT,
    show_default=True,
    help="Judge as for a job of this account, which may have settings of its own.",
)


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
@fit_focus_option
@asset_option
@_account_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, an object an image.")
def check(
    images: tuple[Path, ...],
    how: str,
    *,
    fit_focus: str | None,
    asset: str,
    account: str,
    as_json: bool,
) -> None:
    """Check whether a worker would upload image files.

    The code is the workers', with the settings FACELIFT_IMAGE_... of this environment,
    and FACELIFT_ICON_... for icons. Exits with 3 if one file would be refused.

    \b
    Example:
      facelift check --fit crop *.jpg
    """  # noqa: D301 - click wants the escape, not the backslash
    focus = check_fit_focus(fit_focus, Fit(how)) or CENTRE
    account = check_account(account)
    with closing(load_for_images(os.environ).image_judge()) as judge:
        findings = [
            inspect(image, judge, Fit(how), focus, account=account, asset=Asset(asset))
            for image in images
        ]
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        show(*_table(findings))
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
    "--crop/--pad", "crops", default=True, show_default=True, help="How to make it square."
)
@fit_focus_option
@asset_option
@_account_option
@click.option("--force", is_flag=True, help="Overwrite OUT if it exists.")
@json_option
def fit(
    image: Path,
    output: Path | None,
    *,
    crops: bool,
    fit_focus: str | None,
    asset: str,
    account: str,
    force: bool,
    as_json: bool,
) -> None:
    """Write an image as a job with a fit uploads it.

    Shows before and after. An image that needs no change is copied. Exits with 3 if the image
    cannot be fitted. --json prints an object as of `facelift check`, with the path `written`.

    \b
    Example:
      facelift fit holiday.jpg --pad -o square.jpg
    """  # noqa: D301 - click wants the escape, not the backslash
    how = Fit.CROP if crops else Fit.PAD
    focus = check_fit_focus(fit_focus, how) or CENTRE
    with closing(load_for_images(os.environ).image_judge()) as judge:
        account = check_account(account)
        finding = inspect(image, judge, how, focus, account=account, asset=Asset(asset))
    if isinstance(finding.verdict, Exception):
        if as_json:
            print_json(finding.as_dict() | {"written": None})
        _fail(f"{_name(image)}: {finding.verdict.code}: {finding.verdict.sentence}", Exit.FAILED)
    fitted = finding.verdict
    target = output or image.with_name(f"{image.stem}-fitted{fitted.format.suffix}")
    _write(target, fitted.data, force=force)
    if as_json:
        print_json(finding.as_dict() | {"written": _name(target)})
    else:
        show(*_before_and_after(finding, fitted, target))


def _is_good(finding: Finding) -> bool:
    return not isinstance(finding.verdict, Exception)


def _table(findings: list[Finding]) -> Iterator[RenderableType]:
    names = [_shorten(_name(finding.path)) for finding in findings]
    width = max(map(len, [*names, "IMAGE"]))
    yield _ROW.format("IMAGE", "FORMAT", "PIXELS", "SIZE", "VERDICT", name=width)
    for name, finding in zip(names, findings, strict=True):
        if isinstance(finding.verdict, Exception):
            verdict, reason = "refused", f"{finding.verdict.code}: {finding.verdict.sentence}"
        else:
            reason = finding.verdict.fitted
            verdict = reason.partition(":")[0] or "ok"  # or fitted, or stripped
        size = "-" if finding.size is None else show_size(finding.size)
        pixels = _pixels(finding.pixels)
        yield cell(_ROW.format(name, finding.format or "-", pixels, size, verdict, name=width))
        if reason:
            yield Paragraph("  ", reason)
        if finding.has_location:
            yield Paragraph("  ", "It carries the place where it was taken, which would be public.")
    yield f"{sum(map(_is_good, findings))} of {len(findings)} can be sent."


def _before_and_after(
    finding: Finding, fitted: ValidImage, target: Path
) -> Iterator[RenderableType]:
    rows = (
        ("", "Before", "After"),
        ("Format", finding.format or "-", fitted.format.label),
        ("Pixels", _pixels(finding.pixels), _pixels((fitted.side, fitted.side))),
        ("Bytes", f"{finding.size:,}", f"{len(fitted.data):,}"),
    )
    for label, before, after in rows:
        yield f"{label:<9}{before:<14}{after}"
    yield Paragraph(f"{'Changed':<9}", fitted.fitted or "nothing: it can be sent as it is")
    note = ""
    if target.suffix.lower().replace(".jpeg", ".jpg") != fitted.format.suffix:
        note = f", which is a {fitted.format.label}, whatever its name says"
    yield Paragraph(f"{'Written':<9}", f"{_name(target)}{note}")


def _write(target: Path, data: bytes, *, force: bool) -> None:
    try:
        with target.open("wb" if force else "xb") as file:
            file.write(data)
    except FileExistsError:
        _fail(f"{_name(target)} exists already; --force overwrites it", Exit.USAGE)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        _fail(f"{_name(target)} cannot be written: {reason}", Exit.USAGE)


def _fail(message: str, code: Exit) -> NoReturn:
    say(f"facelift: {message}", err=True)
    sys.exit(code)


def _pixels(pixels: tuple[int, int] | None) -> str:
    return "\N{MULTIPLICATION SIGN}".join(map(str, pixels)) if pixels else "-"


def _name(path: Path) -> str:
    """A path that is safe to print: a file's name may hold anything."""
    return printable(click.format_filename(path))


def _shorten(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"...{name[3 - _NAME_WIDTH :]}"
