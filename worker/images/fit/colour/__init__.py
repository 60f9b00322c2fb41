"""Convert an image's colours to sRGB, by what its file says of them.

`source.py` decides between an ICC profile (`icc.py`) and what else a file can say; `conversion.py`
converts by that, with `primaries.py`, `transfer.py` and, for HDR, `tones.py`.
"""

from worker.images.fit.colour.conversion import Conversion
from worker.images.fit.colour.icc import convert_by_profile
from worker.images.fit.colour.source import colour_source

__all__ = ["Conversion", "colour_source", "convert_by_profile"]
