"""Decide how an image's colours are converted, by what its file says of them."""

from functools import partial

from worker.images.fit.colour.conversion import Conversion
from worker.images.fit.colour.icc import LARGEST_PROFILE, bounded_profile, code_of, is_readable
from worker.images.fit.colour.primaries import PRIMARIES, SRGB, Primaries
from worker.images.fit.colour.tones import WHITE, ToneMap
from worker.images.fit.colour.transfer import TRANSFERS, decode_hlg, decode_pq, power
from worker.images.formats import Colours, ImageFormat, Layout, unpack_profile
from worker.images.formats.colours import HLG, PQ

_PQ_PEAK, _HLG_PEAK = 10_000.0, 1000.0  # cd/m²
_HLG_GAMMA = 1.2  # of a screen of that peak
_HLG_SCALE: float = (_HLG_PEAK / WHITE) ** (1 / _HLG_GAMMA)
_IS_SRGB = 0.05  # how far a gamma times 2.2 may be off 1


def colour_source(layout: Layout) -> tuple[Conversion | None, bytes]:
    """How to convert: by a conversion, by an ICC profile, or, where there is neither, not at all.

    Precedence is that of PNG's third edition: `cICP`, `iCCP`, `sRGB`, `gAMA` with `cHRM`.
    """
    conversion = _by_code(layout.colours)
    if conversion:
        return conversion, b""
    profile = layout.profile
    if layout.format is ImageFormat.PNG:
        profile = unpack_profile(profile, LARGEST_PROFILE)
    profile = bounded_profile(profile)
    if profile and is_readable(profile):
        colours = layout.colours._replace(coded=code_of(profile))
        if colours.is_hdr and (conversion := _by_code(colours)):
            return conversion, b""  # a profile alone would be for screens that show more
        return None, profile
    return _by_gamma(layout.colours), b""


def _by_code(colours: Colours) -> Conversion | None:
    """By the numbers of H.273; None if there are none that browsers know."""
    if colours.coded is None:
        return None
    primaries, transfer = colours.coded
    own = PRIMARIES.get(primaries)
    if own is None:
        return None
    if transfer == PQ:
        return Conversion(own, _decode_pq, ToneMap(colours.peak))
    if transfer == HLG:
        return Conversion(own, _decode_hlg, ToneMap(colours.peak), _HLG_GAMMA)
    decode = TRANSFERS.get(transfer)
    return Conversion(own, decode) if decode else None


def _by_gamma(colours: Colours) -> Conversion | None:
    """By `gAMA` and `cHRM`; None if there is no `gAMA`, if the two say sRGB, or make no sense.

    As in Chromium, `gAMA` alone may be 5% off sRGB's, and `cHRM` alone counts for nothing.
    """
    if colours.is_srgb or colours.gamma is None:
        return None
    decode = partial(power, exponent=1 / colours.gamma)
    if not colours.chromaticities:
        is_srgb = abs(colours.gamma * 2.2 - 1) <= _IS_SRGB
        return None if is_srgb else Conversion(SRGB, decode)
    own = Primaries(*colours.chromaticities)
    try:
        own.to(SRGB)
    except (ValueError, ZeroDivisionError):
        return None
    return Conversion(own, decode)


def _decode_pq(value: float) -> float:
    return decode_pq(value) * _PQ_PEAK / WHITE


def _decode_hlg(value: float) -> float:
    """Light that the screen's gamma turns into light relative to white."""
    return decode_hlg(value) * _HLG_SCALE
