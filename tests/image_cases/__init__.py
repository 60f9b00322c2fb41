"""Odd image files, each made by code, and what is right for it.

What is right was decided by two browsers, see `tests/acceptance/test_browsers.py`; the table in
`docs/images.md` is made of it.
"""

from tests.image_cases import jpeg, others, png
from tests.image_cases.case import Case

CASES = [*png.CASES, *jpeg.CASES, *others.CASES]

__all__ = ["CASES", "Case"]
