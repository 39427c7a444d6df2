"""A camera's bytes become the picture that was packed into them, for every format and for odd sizes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_pixels
from lineside.capture.pixels.convert import convert
from lineside.capture.pixels.formats import Kind, names, pixel_format
from lineside.capture.pixels.packing import Packing, upper_bytes, values
from lineside.core.errors import ImageError, ImageFormatError, SettingsError
from lineside.core.geometry import Size

MONO = [n for n in names() if pixel_format(n).kind is Kind.MONO]
BAYER = [n for n in names() if pixel_format(n).kind is Kind.BAYER]
COLOUR = [n for n in names() if pixel_format(n).kind is Kind.COLOUR]
YUV = [n for n in names() if pixel_format(n).kind is Kind.YUV]


def drawn(form, size, seed):
    """Samples of a format and their bytes, all rows in one."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, 1 << form.bits, (size.height, size.width * form.samples_per_px))
    return samples, slow_pixels.pack(samples.ravel(), form.packing)


@given(
    packing=st.sampled_from(Packing),
    samples=st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=40),
    data=st.data(),
)
def test_what_is_packed_comes_out_again_whole_and_by_its_upper_bits(packing, samples, data):
    bits = {"bytes": 8, "gige_10": 10, "lsb_10": 10, "gige_12": 12, "lsb_12": 12}.get(packing)
    bits = bits or data.draw(st.sampled_from((10, 12, 14, 16)))
    samples = [s >> (16 - bits) for s in samples]
    raw = np.frombuffer(slow_pixels.pack(samples, packing), np.uint8)[np.newaxis]
    assert raw.size == packing.size_bytes(len(samples))
    assert values(raw, packing, len(samples)).tolist() == [samples]
    assert upper_bytes(raw, packing, len(samples), bits).tolist() == [[s >> (bits - 8) for s in samples]]


def test_bits_above_a_words_own_are_white_and_do_not_wrap():
    raw = np.array([[0x0FFF, 0x1000, 0xFFFF, 0x000F]], "<u2").view(np.uint8)
    assert upper_bytes(raw, Packing.WORDS, 4, 12).tolist() == [[255, 255, 255, 0]]


@pytest.mark.parametrize("name", MONO)
@given(height=st.integers(1, 9), width=st.integers(1, 13), seed=st.integers(0, 99))
def test_grey_is_the_upper_bits_in_three_channels(name, height, width, seed):
    form, size = pixel_format(name), Size(height, width)
    samples, raw = drawn(form, size, seed)
    image = convert(raw, name, size)
    assert (image.dtype, image.shape, image.flags.c_contiguous) == (np.uint8, (height, width, 3), True)
    assert (image == (samples >> (form.bits - 8))[..., np.newaxis]).all()


@pytest.mark.parametrize("name", BAYER)
@given(height=st.integers(3, 9), width=st.integers(3, 9), seed=st.integers(0, 99))
def test_a_bayer_pattern_is_interpolated_as_the_slow_reference_does(name, height, width, seed):
    form, size = pixel_format(name), Size(height, width)
    samples, raw = drawn(form, size, seed)
    expected = slow_pixels.demosaic((samples >> (form.bits - 8)).astype(np.uint8), form.order)
    assert np.array_equal(convert(raw, name, size), expected)


@pytest.mark.parametrize("name", COLOUR)
@given(height=st.integers(1, 6), width=st.integers(1, 6), seed=st.integers(0, 99))
def test_colours_come_in_the_order_blue_green_red(name, height, width, seed):
    form, size = pixel_format(name), Size(height, width)
    samples, raw = drawn(form, size, seed)
    channels = (samples >> (form.bits - 8)).reshape(height, width, -1)
    image = convert(raw, name, size)
    for i, colour in enumerate("BGR"):
        assert (image[..., i] == channels[..., form.order.index(colour)]).all()


@pytest.mark.parametrize("name", [n for n in YUV if "601" not in n])
@given(height=st.integers(1, 5), pairs=st.integers(1, 5), seed=st.integers(0, 99))
def test_luma_and_chroma_of_the_whole_byte_become_colours(name, height, pairs, seed):
    form, size = pixel_format(name), Size(height, pairs * 2)
    samples, raw = drawn(form, size, seed)
    image = convert(raw, name, size)
    luma = form.order.index("Y")
    for y in range(height):
        for x in range(size.width):
            four = samples[y, (x // 2) * 4 : (x // 2) * 4 + 4]
            exact = slow_pixels.yuv_pixel(four[luma + 2 * (x % 2)], four[1 - luma], four[3 - luma])
            assert np.abs(image[y, x] - np.clip(exact, 0, 255)).max() <= 1


@pytest.mark.parametrize(("name", "order"), [("YCbCr601_422_8", "YUYV"), ("YCbCr601_422_8_CbYCrY", "UYVY")])
def test_televisions_range_is_stretched(name, order):
    grey = {"Y": (16, 235), "U": (128,), "V": (128,)}
    raw = bytes([grey[order[0]][0], grey[order[1]][0], grey[order[2]][-1], grey[order[3]][-1]])
    assert convert(raw, name, Size(1, 2))[0].tolist() == [[0, 0, 0], [255, 255, 255]]


@given(
    name=st.sampled_from([n for n in MONO if n != "Mono8"]),
    levels=st.tuples(st.integers(0, 900), st.integers(1, 100)),
    seed=st.integers(0, 99),
)
def test_levels_are_the_values_that_become_black_and_white(name, levels, seed):
    form, size = pixel_format(name), Size(3, 8)
    samples, raw = drawn(form, size, seed)
    black, white = levels[0], levels[0] + levels[1]
    expected = np.rint((samples - black) * (255 / (white - black))).clip(0, 255)
    assert (convert(raw, name, size, levels=(black, white))[..., 0] == expected).all()


@pytest.mark.parametrize("levels", [(5, 5), (9, 3), (-1, 5), (0, 4096), (1,), (1, 2, 3)])
def test_levels_out_of_order_are_refused(levels):
    with pytest.raises(SettingsError, match=r"levels: expected .* 0 to 4095"):
        convert(bytes(2), "Mono12", Size(1, 1), levels=levels)


@pytest.mark.parametrize("name", ["Mono8", "Mono12", "Mono12p", "BayerRG8", "BGR8", "RGBa8", "YUV422_8"])
def test_padding_at_the_ends_of_rows_is_passed_over(name):
    form, size = pixel_format(name), Size(4, 6)
    _, raw = drawn(form, size, 3)
    rows = np.frombuffer(raw, np.uint8).reshape(4, -1)
    padded = np.pad(rows, ((0, 0), (0, 5)), constant_values=0xA5)
    step = padded.shape[1]
    expected = convert(raw, form, size)
    assert np.array_equal(convert(padded, form, size, row_bytes=step), expected)
    without_the_last = padded.tobytes()[:-5]
    assert np.array_equal(convert(without_the_last, form, size, row_bytes=step), expected)


def test_rows_of_half_a_byte_more_are_read_joined_or_padded_as_their_number_of_bytes_tells():
    samples = np.arange(15).reshape(3, 5) * 100
    joined = slow_pixels.pack(samples.ravel(), "lsb_12")
    padded = b"".join(slow_pixels.pack(row, "lsb_12") for row in samples)
    assert len(joined) == 23
    assert len(padded) == 24
    for raw in (joined, padded):
        assert (convert(raw, "Mono12p", Size(3, 5))[..., 0] == samples >> 4).all()
    with pytest.raises(ImageError, match=r"25 bytes are neither 23 .* nor 24"):
        convert(padded + b"\0", "Mono12p", Size(3, 5))


@given(name=st.sampled_from(names()), missing=st.integers(1, 3))
def test_too_few_bytes_are_a_damaged_picture_and_never_a_shorter_one(name, missing):
    form, size = pixel_format(name), Size(4, 8)
    _, raw = drawn(form, size, 0)
    with pytest.raises(ImageError, match=f"{form.name} of 8x4: expected {len(raw)} bytes"):
        convert(raw[:-missing], name, size)


@pytest.mark.parametrize("size", [Size(2, 9), Size(9, 2), Size(1, 1)])
def test_a_bayer_pattern_too_small_for_opencv_is_refused_and_not_black(size):
    plane = np.full(size, 200, np.uint8)
    assert not cv2.cvtColor(plane, cv2.COLOR_BayerRGGB2BGR).any()  # the reason
    with pytest.raises(ImageFormatError, match="at least 3x3"):
        convert(plane, "BayerRG8", size)


def test_an_odd_width_has_no_shared_chroma():
    with pytest.raises(ImageFormatError, match="must be even; got 3x2"):
        convert(bytes(12), "UYVY", Size(2, 3))


@pytest.mark.parametrize("name", names())
def test_a_picture_never_shares_the_drivers_memory(name):
    form, size = pixel_format(name), Size(4, 8)
    raw = np.zeros(form.size_bytes(size), np.uint8)
    image = convert(raw, name, size)
    before = image.copy()
    raw[:] = 255
    assert np.array_equal(image, before)


def test_a_format_that_is_not_read_is_told_with_those_that_are():
    with pytest.raises(ImageFormatError, match=r'"Mono12Pack" is not read; did you mean "Mono12Packed"'):
        pixel_format("Mono12Pack")
    with pytest.raises(ImageFormatError, match=r"0x02180021 is not read.* BayerRG12p"):
        pixel_format(0x02180021)


def test_names_from_before_the_convention_are_known():
    assert pixel_format("RGB8Packed") is pixel_format("RGB8") is pixel_format(0x02180014)
    assert pixel_format("YUV422Packed").order == "UYVY"


def test_numbers_say_how_many_bits_a_pixel_takes():
    for name in names():
        form = pixel_format(name)
        assert (form.code >> 16) & 0xFF == form.packing.bits * form.samples_per_px
        assert form.code >> 24 == (1 if form.kind in (Kind.MONO, Kind.BAYER) else 2)
