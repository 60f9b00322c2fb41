"""The colours that fitting makes, beside those that a browser shows."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from facelift.fit import Fit
from tests.browser import drawn_by_browser
from tests.colour_cases import CONTAINED, HDR, LOSSY, ORDINARY
from worker.images.fit import fit
from worker.images.validate import ImageLimits

CASES = ORDINARY | LOSSY | HDR | CONTAINED

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image.Image]:
    """What Chromium shows of every case."""
    return drawn_by_browser(
        {name: make() for name, make in CASES.items()}, tmp_path_factory.mktemp("chromium")
    )


def differences(data: bytes, shown: Image.Image) -> tuple[float, int]:
    """Mean and largest, 0 to 255, of what is visible."""
    made = Image.open(BytesIO(fit(data, ImageLimits(), Fit.CROP).data)).convert("RGBA")
    left, top = (shown.width - made.width) // 2, (shown.height - made.height) // 2
    theirs = shown.crop((left, top, left + made.width, top + made.height))
    assert not ImageChops.difference(made.getchannel("A"), theirs.getchannel("A")).getbbox()
    grounds = [Image.new("RGB", made.size) for _ in range(2)]
    for ground, image in zip(grounds, (made, theirs), strict=True):
        ground.paste(image.convert("RGB"), mask=made.getchannel("A"))
    values = ImageChops.difference(*grounds).tobytes()
    return sum(values) / len(values), max(values)


@pytest.mark.parametrize("name", CASES)
def test_a_fitted_image_has_the_colours_that_a_browser_shows(
    name: str, shown: dict[str, Image.Image]
) -> None:
    mean, largest = differences(CASES[name](), shown[name])
    assert (mean < 2, largest <= 8) == (True, True), (mean, largest)
