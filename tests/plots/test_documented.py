"""Every picture is a function of a record and axes, and stands in the docs."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import nbtune.plots

PAGE = (Path(__file__).parents[2] / "docs" / "plots.md").read_text(encoding="utf-8")


def test_every_plot_is_in_the_table_of_the_docs():
    for module in pkgutil.iter_modules(nbtune.plots.__path__):
        found = importlib.import_module(f"nbtune.plots.{module.name}")
        for name, plot in inspect.getmembers(found, inspect.isfunction):
            if name.startswith("plot_") and plot.__module__ == found.__name__:
                assert list(inspect.signature(plot).parameters)[1] == "ax", name
                assert f"`{module.name}.{name}`" in PAGE, name
