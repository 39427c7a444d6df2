"""Annotated pictures are written whole, and none takes another's place."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineside.core.errors import OutputError
from lineside.core.geometry import Size
from lineside.outputs.files import PendingFile, make_folder, replacing
from lineside.outputs.folder import OutputFolder

IMAGE = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_picture_has_its_sources_name(tmp_path):
    folder = OutputFolder(tmp_path / "deep" / "er")

    lossless = folder.write_picture("in/a.png", IMAGE)
    lossy = folder.write_picture("in/b.JPEG", IMAGE)

    assert (lossless, lossy) == (folder.folder / "a.png", folder.folder / "b.jpg")
    np.testing.assert_array_equal(cv2.imread(str(lossless)), IMAGE)
    assert cv2.imread(str(lossy)).shape == IMAGE.shape
    assert names(folder.folder) == ["a.png", "b.jpg"]


@pytest.mark.parametrize("source", ["in/a.bmp", "in/a.tif", "in/a.webp", "in/a", "in/a.PNG"])
def test_other_pictures_become_png(tmp_path, source):
    assert OutputFolder(tmp_path).write_picture(source, IMAGE).name == "a.png"


def test_inputs_of_one_name_get_names_of_their_own(tmp_path):
    folder = OutputFolder(tmp_path)

    written = [
        folder.write_picture(s, np.full_like(IMAGE, i)) for i, s in enumerate(["x/a.png", "y/a.png", "a.bmp"])
    ]
    odd = folder.write_picture("z/A.png", IMAGE)

    assert [p.name for p in written] == ["a.png", "a-2.png", "a-3.png"]
    assert odd.name == "A-4.png"
    assert [int(cv2.imread(str(p)).mean()) for p in written] == [0, 1, 2]


def test_a_name_that_looks_numbered_is_not_taken_twice(tmp_path):
    folder = OutputFolder(tmp_path)

    written = [folder.write_picture(s, IMAGE).name for s in ["a-2.png", "x/a.png", "y/a.png"]]

    assert written == ["a-2.png", "a.png", "a-3.png"]


def test_an_input_is_never_overwritten(tmp_path):
    original = tmp_path / "a.png"
    cv2.imwrite(str(original), IMAGE)

    folder = OutputFolder(tmp_path, inputs=[str(tmp_path / "x" / ".." / "a.png"), "elsewhere/b.png"])

    assert folder.write_picture(str(original), IMAGE // 2).name == "a-2.png"
    assert folder.write_picture("elsewhere/b.png", IMAGE).name == "b.png"
    np.testing.assert_array_equal(cv2.imread(str(original)), IMAGE)


def test_files_of_an_earlier_run_are_replaced(tmp_path):
    OutputFolder(tmp_path).write_picture("a.png", IMAGE)
    OutputFolder(tmp_path).write_picture("a.png", IMAGE // 2)

    assert names(tmp_path) == ["a.png"]
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png")), IMAGE // 2)


def test_pictures_and_videos_share_the_names(tmp_path, found):
    folder = OutputFolder(tmp_path)
    for _ in range(2):
        with folder.open_video("clips/belt.avi", fps=10, size=Size(20, 30)) as video:
            video.write(IMAGE)

    assert names(tmp_path) == ["belt-2.mp4", "belt.mp4"]


def test_a_file_in_the_folders_place_is_told(tmp_path):
    (tmp_path / "out").touch()

    with pytest.raises(OutputError, match="out: cannot be written: File exists"):
        OutputFolder(tmp_path / "out")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(OutputError, match="Permission denied"):
        OutputFolder(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc")
def test_a_folder_that_takes_no_files_is_told_at_the_start():
    with pytest.raises(OutputError, match="cannot be written"):
        OutputFolder(Path("/proc/self"))


def test_a_name_too_long_for_the_system_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        OutputFolder(tmp_path).write_picture("x" * 300 + ".png", IMAGE)

    assert names(tmp_path) == []


def test_what_is_no_picture_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot be encoded"):
        OutputFolder(tmp_path).write_picture("a.png", np.empty((0, 0, 3), np.uint8))

    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "told"), [(OSError(5, "disk on fire"), OutputError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_a_replaced_file_is_whole_or_old(tmp_path, fault, told):
    path = tmp_path / "a"
    path.write_text("old")

    def run():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise fault

    with pytest.raises(told):
        run()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="devices are files on POSIX only")
def test_a_device_is_written_to_not_replaced():
    with replacing(Path("/dev/null")) as temporary:
        temporary.write_text("gone")

    assert Path("/dev/null").is_char_device()


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "ours") as temporary:
        temporary.write_text("x")

    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_that_cannot_be_put_in_its_place_is_removed(tmp_path):
    pending = PendingFile(tmp_path / "a")
    (tmp_path / "a").mkdir()

    with pytest.raises(OutputError):
        pending.commit()

    assert names(tmp_path) == ["a"]


def test_a_folder_is_left_as_it_was_found(tmp_path):
    make_folder(tmp_path)

    assert names(tmp_path) == []
