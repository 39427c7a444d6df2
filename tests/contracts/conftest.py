from __future__ import annotations

import pytest

from contracts.graph_edits import write
from lineside.testing.graphs import CATALOGUE


@pytest.fixture(scope="session")
def catalogue_file(tmp_path_factory):
    """Path of a graph of the catalogue, written once."""
    folder = tmp_path_factory.mktemp("catalogue")

    def path(name):
        file = folder / f"{name}.onnx"
        return file if file.exists() else write(CATALOGUE[name].build(), file)

    return path
