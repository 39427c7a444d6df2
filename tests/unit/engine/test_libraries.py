import os
import shutil
from pathlib import Path

import onnxruntime
import pytest

from lineside.core.errors import DriverError, SettingsError
from lineside.engine import libraries

NAME = "NobodysExecutionProvider"


def test_a_library_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.so: No such file"):
        libraries.register(tmp_path / "nowhere.so", NAME)


def test_a_file_that_the_loader_refuses_is_refused_with_its_reason(tmp_path):
    path = tmp_path / "short.so"
    path.write_text("no library", encoding="ascii")
    with pytest.raises(DriverError, match=r"short\.so cannot be loaded: .*file too short"):
        libraries.register(path, NAME)


def test_a_library_without_a_provider_is_refused():
    path = Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_shared.so"
    if not path.exists():
        pytest.skip("this wheel has no such library")
    with pytest.raises(SettingsError, match="holds no execution provider"):
        libraries.devices(path, NAME)


def test_a_link_is_the_same_image_and_a_copy_is_another(tmp_path):
    first, link, copy = tmp_path / "first.so", tmp_path / "link.so", tmp_path / "copy.so"
    first.write_bytes(b"library")
    os.link(first, link)
    shutil.copy(first, copy)
    assert libraries.run_lock(first) is libraries.run_lock(link)
    assert libraries.run_lock(first) is not libraries.run_lock(copy)
