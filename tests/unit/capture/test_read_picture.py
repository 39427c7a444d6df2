"""A picture file is read whole, or refused with the reason."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineside.capture.pictures import Reading, is_picture, read_picture
from lineside.core.errors import (
    ImageError,
    ImageFileError,
    ImageFormatError,
    ImageTooLargeError,
    SettingsError,
)

JPEG_ORIENTATION_6 = (
    b"\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    b"\x00\x00\x00\x00"
)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".webp"])
def test_the_pixels_are_those_that_opencv_reads(save, picture, suffix):
    path = save("a" + suffix, picture)

    image = read_picture(path)

    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.writeable
    np.testing.assert_array_equal(image, cv2.imread(str(path), cv2.IMREAD_COLOR))


def test_a_progressive_jpeg_is_read(save, picture):
    path = save("a.jpg", picture, cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)

    np.testing.assert_array_equal(read_picture(path), cv2.imread(str(path)))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif"])
def test_grey_is_repeated_to_three_channels(save, picture, suffix):
    image = read_picture(save("a" + suffix, picture[:, :, 1].copy()))

    assert image.shape == picture.shape
    assert (image == image[:, :, :1]).all()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp"])
def test_alpha_is_dropped_and_the_colours_stay(save, picture, suffix):
    with_alpha = np.dstack([picture, np.full(picture.shape[:2], 77, np.uint8)])
    path = save("a" + suffix, with_alpha, *([cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []))

    np.testing.assert_array_equal(read_picture(path), picture)


def test_exif_rotation_is_applied(save, picture):
    path = save("a.jpg", picture)
    data = path.read_bytes()
    upright = read_picture(path)
    path.write_bytes(data[:2] + JPEG_ORIENTATION_6 + data[2:])

    np.testing.assert_array_equal(read_picture(path), cv2.rotate(upright, cv2.ROTATE_90_CLOCKWISE))


def test_the_content_counts_not_the_suffix(save, picture, tmp_path):
    path = save("a.png", picture).rename(tmp_path / "a.jpg")

    np.testing.assert_array_equal(read_picture(path), picture)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_refused_unless_scaled(save, suffix):
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    path = save("deep" + suffix, values)

    with pytest.raises(ImageFormatError, match=r"deep.*16 bits with values up to 4095.*scale_16bit"):
        read_picture(path)

    image = read_picture(path, scale_16bit=4095)
    expected = np.rint(values / 4095 * 255).astype(np.uint8)
    np.testing.assert_array_equal(image[:, :, 0], expected)
    np.testing.assert_array_equal(image[:, :, 2], expected)


def test_16_bit_values_above_the_scale_become_white(save):
    path = save("deep.png", np.array([[0, 1000, 65535]], np.uint16))

    assert read_picture(path, scale_16bit=1000)[0, :, 0].tolist() == [0, 255, 255]


def test_the_16_bit_scale_leaves_8_bit_pictures_alone(save, picture):
    np.testing.assert_array_equal(read_picture(save("a.png", picture), scale_16bit=4095), picture)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.float32, np.float64])
def test_samples_that_are_no_brightness_are_refused(save, dtype):
    path = save("a.tif", np.ones((8, 8), dtype))

    with pytest.raises(ImageFormatError, match="unsigned integers"):
        read_picture(path, scale_16bit=4095)


def test_a_missing_picture_names_the_near_ones(save, picture, tmp_path):
    save("part-001.png", picture)

    with pytest.raises(ImageFileError, match=r'part-01\.png: no such file; did you mean "part-001\.png"'):
        read_picture(tmp_path / "part-01.png")


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.touch()

    with pytest.raises(ImageFileError, match=r"empty \(0 bytes\)"):
        read_picture(path)


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(ImageFileError, match="no regular file"):
        read_picture(tmp_path)


@pytest.mark.parametrize("content", [b"hello, this is text", b"\x00", b"GIF89a\x01\x00\x01\x00", b"\xff\xd8"])
def test_what_is_no_known_picture_is_refused(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)

    with pytest.raises(ImageFileError, match=r"expected a picture file \(bmp, jpeg, png, tiff, webp"):
        read_picture(path)


def test_a_name_that_no_system_takes_is_refused():
    with pytest.raises(ImageFileError):
        read_picture(Path("a\0b.png"))


def test_a_png_without_pixels_is_refused(save, picture):
    path = save("a.png", picture)
    data = path.read_bytes()
    path.write_bytes(data[:16] + struct.pack(">II", 0, 41) + data[24:])

    with pytest.raises(ImageFileError, match="at least 1x1 pixel, its header says 0x41"):
        read_picture(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".webp"])
def test_the_limit_is_checked_before_anything_is_decoded(save, picture, suffix):
    path = save("a" + suffix, picture)

    assert read_picture(path, limit_px=57 * 41).shape == (41, 57, 3)
    with pytest.raises(ImageTooLargeError, match=r"at most 2336 pixels, its header says 57x41 \(2337\)"):
        read_picture(path, limit_px=57 * 41 - 1)


def test_a_decompression_bomb_is_refused(save, picture):
    path = save("a.bmp", picture)
    data = bytearray(path.read_bytes())
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    data[28:34] = struct.pack("<HI", 8, 1)  # run-length coded: a few bytes can claim any size
    path.write_bytes(data)

    with pytest.raises(ImageTooLargeError, match="60000x60000"):
        read_picture(path)


def test_a_file_of_more_bytes_than_the_pixels_can_need_is_refused_unread(tmp_path):
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(2**26 + 8 * 100 + 1)

    with pytest.raises(ImageTooLargeError, match="which 100 pixels can need"):
        read_picture(path, limit_px=100)


def test_a_header_that_lies_about_the_size_is_refused(save, picture):
    path = save("a.webp", picture, cv2.IMWRITE_WEBP_QUALITY, 101)
    data = bytearray(path.read_bytes())
    data[21] ^= 0x03
    path.write_bytes(data)

    with pytest.raises(ImageFileError):
        read_picture(path)


@pytest.mark.parametrize("settings", [{"limit_px": 0}, {"limit_px": 2**31}])
def test_a_limit_out_of_range_is_refused(settings):
    with pytest.raises(SettingsError, match="limit_px: expected 1 to"):
        Reading(**settings)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_a_16_bit_scale_out_of_range_is_refused(scale):
    with pytest.raises(SettingsError, match="scale_16bit: expected"):
        Reading(scale_16bit=scale)


def test_every_refusal_names_the_file(tmp_path):
    path = tmp_path / "line 3" / "bad.png"
    path.parent.mkdir()
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")

    with pytest.raises(ImageError, match=r"line 3.bad\.png"):
        read_picture(path)


def test_a_picture_is_known_by_its_first_bytes(save, picture, tmp_path):
    text = tmp_path / "notes"
    text.write_text("nothing to see")

    assert is_picture(save("a.png", picture).rename(tmp_path / "no-suffix"))
    assert not is_picture(text)
    assert not is_picture(tmp_path)
    assert not is_picture(tmp_path / "missing")
