from __future__ import annotations

import pytest

from carded import read_carded
from contracts.graph_edits import write
from lineside.engine import run_once
from lineside.testing.graphs import CATALOGUE


@pytest.fixture(scope="session")
def catalogue_file(tmp_path_factory):
    """Path of a graph of the catalogue, written once."""
    folder = tmp_path_factory.mktemp("catalogue")

    def path(name):
        file = folder / f"{name}.onnx"
        return file if file.exists() else write(CATALOGUE[name].build(), file)

    return path


@pytest.fixture(scope="session")
def read(catalogue_file):
    """The reading, with a run, of a graph of the catalogue, made once."""
    known = {}

    def of(name):
        if name not in known:
            known[name] = read_carded(catalogue_file(name), run=run_once)
        return known[name]

    return of
