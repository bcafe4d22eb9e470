"""The quickstart, cell by cell, as somebody runs it; apart from others, as it takes minutes."""

from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.browser

FEWER = "\nmax_train_samples: 1500"
QUICKSTART = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"


@pytest.mark.timeout(900)
def test_the_quickstart_runs_in_a_page_from_top_to_bottom(lab):
    """On fewer rows: on all of them it is run without a page."""
    cells = [c.source for c in nbformat.read(QUICKSTART, 4).cells if c.cell_type == "code"]
    cells = [c + FEWER if c.startswith("%%finetune") and FEWER not in c else c for c in cells]
    lab = lab(cells)
    for number in range(len(cells)):
        lab.run(number)
        lab.done(number, 600)
        lab.picture(f"quickstart-{number:02d}", number)
    verdicts = [lab.output(n) for n in range(len(cells)) if "beats TF-IDF" in lab.output(n)]
    assert verdicts, "the pre-trained model wins"
    book = lab.saved()
    errors = [o for c in book["cells"] for o in c.get("outputs", []) if o["output_type"] == "error"]
    assert errors == []
