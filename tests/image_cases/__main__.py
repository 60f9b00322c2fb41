"""Write the table of all kinds into `docs/images.md`: `python -m tests.image_cases`."""

from tests.image_cases.table import DOCUMENT, with_table

DOCUMENT.write_text(with_table(DOCUMENT.read_text("utf-8")), "utf-8")
