"""A file that is not whole is never read as if it were."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineside.capture.pictures import read_picture
from lineside.core.errors import ImageError, ImageFileError, ImageFormatError

RNG = np.random.default_rng(3)
PICTURE = cv2.GaussianBlur(RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8), (5, 5), 0)


def encoded(suffix: str, *options: int, image: np.ndarray = PICTURE) -> bytes:
    is_encoded, data = cv2.imencode(suffix, image, list(options))
    assert is_encoded
    return data.tobytes()


def tiff_with_directory_first(image: np.ndarray = PICTURE, *, pages: int = 1, **tags: int) -> bytes:
    """An uncompressed little-endian TIFF as cameras write it: directory first, pixels last."""
    height, width, channels = image.shape
    named = {"extra": 338, "photometric": 262, "kind": 254}
    fields = {256: width, 257: height, 258: 8 * image.itemsize, 259: 1, 262: 2, 277: channels, 278: height}
    fields[279] = image.nbytes
    fields |= {named[key]: value for key, value in tags.items()}
    directory_bytes = 2 + 12 * (len(fields) + 1) + 4
    pixels_at = 8 + directory_bytes * pages
    data = struct.pack("<2sHI", b"II", 42, 8)
    for page in range(pages):
        entries = sorted({**fields, 273: pixels_at}.items())
        data += struct.pack("<H", len(entries))
        data += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
        data += struct.pack("<I", 0 if page == pages - 1 else len(data) + 4)
    return data + image[:, :, ::-1].tobytes() if channels == 3 else data + image.tobytes()


FILES = {
    "jpeg": encoded(".jpg"),
    "jpeg-progressive": encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "jpeg-restarts": encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "png": encoded(".png"),
    "bmp": encoded(".bmp"),
    "bmp-grey": encoded(".bmp", image=PICTURE[:, :, 0].copy()),
    "webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80),
    "webp-lossless": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "webp-alpha": encoded(
        ".webp", cv2.IMWRITE_WEBP_QUALITY, 80, image=np.dstack([PICTURE, PICTURE[:, :, :1]])
    ),
    "tiff-lzw": encoded(".tif"),
    "tiff-raw": encoded(".tif", cv2.IMWRITE_TIFF_COMPRESSION, 1),
    "tiff-deflate": encoded(".tif", cv2.IMWRITE_TIFF_COMPRESSION, 8),
    "tiff-directory-first": tiff_with_directory_first(),
}


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_cut_file_is_refused_or_has_all_its_pixels(tmp_path, name, data):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    content = FILES[name]
    whole.write_bytes(content)
    kept = data.draw(st.integers(1, len(content) - 1))
    cut.write_bytes(content[:kept])

    try:
        image = read_picture(cut)
    except ImageFileError:
        return
    np.testing.assert_array_equal(image, read_picture(whole))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_cut_file_says_that_it_is_truncated(tmp_path, name, part):
    path = tmp_path / "cut"
    path.write_bytes(FILES[name][: int(len(FILES[name]) * part)])

    with pytest.raises(ImageFileError, match=r"truncated: .* Copy or export it again"):
        read_picture(path)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_by_name_or_read_never_anything_else(tmp_path, name, data):
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(content)

    refusal = None
    try:
        image = read_picture(path, limit_px=100_000)
    except ImageError as refused:
        refusal = str(refused)
    assert path.name in refusal if refusal else (image.dtype == np.uint8 and image.shape[2:] == (3,))


def test_a_jpeg_is_complete_with_a_trailer(tmp_path):
    path = tmp_path / "phone.jpg"
    path.write_bytes(FILES["jpeg"] + b"MotionPhoto\xff\xd8 trailer")

    assert read_picture(path).shape == PICTURE.shape


def test_the_end_marker_of_a_thumbnail_completes_no_jpeg(tmp_path):
    thumbnail = b"\xff\xd8 small \xff\xd9"
    segment = b"\xff\xe2" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
    path = tmp_path / "a.jpg"
    whole = FILES["jpeg"]
    path.write_bytes(whole[:2] + segment + whole[2:-40])

    with pytest.raises(ImageFileError, match="no end-of-image marker"):
        read_picture(path)


def test_a_flipped_bit_in_a_png_is_found(tmp_path):
    content = bytearray(FILES["png"])
    content[len(content) // 2] ^= 0x10
    path = tmp_path / "a.png"
    path.write_bytes(content)

    with pytest.raises(ImageFileError, match="checksum of its IDAT chunk"):
        read_picture(path)


def test_an_animated_png_is_refused(tmp_path):
    control = b"acTL" + struct.pack(">II", 3, 0)
    chunk = struct.pack(">I", 8) + control + struct.pack(">I", zlib.crc32(control))
    path = tmp_path / "a.png"
    path.write_bytes(FILES["png"][:33] + chunk + FILES["png"][33:])

    with pytest.raises(
        ImageFileError, match="expected one picture in a file, found an animation of 3 frames"
    ):
        read_picture(path)


def test_an_animated_webp_is_refused(tmp_path):
    content = bytearray(FILES["webp-alpha"])
    assert content[12:16] == b"VP8X"
    content[20] |= 0x02
    path = tmp_path / "a.webp"
    path.write_bytes(content)

    with pytest.raises(ImageFileError, match="found an animation"):
        read_picture(path)


def test_a_tiff_of_several_pages_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_with_directory_first(pages=3))

    with pytest.raises(ImageFileError, match="found 3 pages"):
        read_picture(path)


def test_a_tiff_whose_further_pages_are_reduced_copies_is_read(tmp_path):
    first = tiff_with_directory_first()
    path = tmp_path / "a.tif"
    preview = tiff_with_directory_first(kind=1)
    shift = len(first)
    # The preview's directory is appended, with its strip's place moved along.
    count = struct.unpack_from("<H", preview, 8)[0]
    directory = bytearray(preview[8:])
    for entry in range(count):
        tag, _, _, value = struct.unpack_from("<HHII", directory, 2 + 12 * entry)
        if tag == 273:
            struct.pack_into("<I", directory, 2 + 12 * entry + 8, value - 8 + shift)
    data = bytearray(first + directory)
    own_entries = struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, 10 + 12 * own_entries, shift)
    path.write_bytes(data)

    np.testing.assert_array_equal(read_picture(path), PICTURE)


def test_a_tiff_that_points_to_itself_ends(tmp_path):
    data = bytearray(tiff_with_directory_first())
    entries = struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, 10 + 12 * entries, 8)
    path = tmp_path / "a.tif"
    path.write_bytes(data)

    np.testing.assert_array_equal(read_picture(path), PICTURE)


def test_a_tiff_with_an_opaque_alpha_keeps_its_colours(tmp_path):
    opaque = np.dstack([PICTURE[:, :, ::-1], np.full(PICTURE.shape[:2], 255, np.uint8)])
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_with_directory_first(np.ascontiguousarray(opaque), extra=2))

    np.testing.assert_array_equal(read_picture(path), PICTURE)


def test_a_tiff_with_transparent_pixels_is_refused_since_they_would_be_darkened(tmp_path):
    glassy = np.dstack([PICTURE[:, :, ::-1], np.full(PICTURE.shape[:2], 100, np.uint8)])
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_with_directory_first(np.ascontiguousarray(glassy), extra=2))

    with pytest.raises(ImageFileError, match=r"transparent pixels.*without alpha"):
        read_picture(path)


def test_a_deep_tiff_with_white_as_zero_is_refused(tmp_path):
    deep = RNG.integers(0, 4096, (40, 60, 1), dtype=np.uint16)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_with_directory_first(deep, photometric=0))

    with pytest.raises(ImageFormatError, match="white as zero"):
        read_picture(path, scale_16bit=4095)


def test_an_os2_bmp_is_refused(tmp_path):
    path = tmp_path / "a.bmp"
    header = struct.pack("<2sIHHI", b"BM", 100, 0, 0, 26) + struct.pack("<IHHHH", 12, 4, 4, 1, 24)
    path.write_bytes(header + bytes(74))

    with pytest.raises(ImageFileError, match="header of 40 bytes or more, got one of 12"):
        read_picture(path)


def test_a_bmp_with_its_top_row_first_is_read(tmp_path):
    content = bytearray(FILES["bmp"])
    content[22:26] = struct.pack("<i", -40)
    path = tmp_path / "a.bmp"
    path.write_bytes(content)

    np.testing.assert_array_equal(read_picture(path), PICTURE[::-1])
