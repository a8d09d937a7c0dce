"""PNG: every colour type, depth, filter and interlace, against an encoder written from the specification."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from png_files import CHANNELS, SIGNATURE, chunk, header, write_png

from chexnet.radiograph import UnreadableImage, read_radiograph

LUMA = np.array([0.299, 0.587, 0.114])

KINDS = [
    (colour, depth)
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
    for depth in depths
]


def random_samples(colour: int, depth: int, height: int, width: int, seed: int) -> np.ndarray:
    """Samples that include the largest, so that 16 bits are seen to be 16."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, 2**depth, (height, width, CHANNELS[colour]))
    samples[0, 0] = 2**depth - 1
    return samples


def expected_grey(samples: np.ndarray, colour: int, depth: int, palette: np.ndarray | None) -> np.ndarray:
    if colour == 3:
        return (palette[samples[..., 0]] @ LUMA) / 255
    unit = samples / (2**depth - 1)
    grey = unit[..., :3] @ LUMA if colour in (2, 6) else unit[..., 0]
    return grey * unit[..., -1] if colour in (4, 6) else grey


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**16), height=st.integers(32, 45), width=st.integers(32, 45))
def test_every_kind_of_png_gives_the_luma_of_its_samples_over_black(
    colour, depth, interlaced, seed, height, width
):
    samples = random_samples(colour, depth, height, width, seed)
    palette = np.random.default_rng(seed).integers(0, 256, (2**depth, 3)) if colour == 3 else None
    chunks = [(b"PLTE", palette.astype(np.uint8).tobytes())] if colour == 3 else []
    data = write_png(samples, depth, colour, interlaced=interlaced, chunks=chunks, parts=3)
    pixels = read_radiograph(data).pixels
    # Luma of 8-bit colour is rounded to 8 bits, as by every viewer: half a level. Else float32.
    tolerance = 0.51 / 255 if colour in (2, 6) and depth == 8 else 2e-7
    np.testing.assert_allclose(pixels, expected_grey(samples, colour, depth, palette), rtol=0, atol=tolerance)


@pytest.mark.parametrize("colour", [2, 4, 6])
def test_an_opaque_colour_png_of_a_grey_image_is_exactly_the_grey_png(colour):
    """Nine tenths of the NIH's RGBA files are this: the same grey in three channels, alpha 255."""
    grey = np.random.default_rng(0).integers(0, 256, (40, 40, 1))
    colours = np.repeat(grey, 3, axis=-1) if colour in (2, 6) else grey
    samples = np.concatenate([colours, np.full_like(grey, 255)], axis=-1) if colour in (4, 6) else colours
    radiograph = read_radiograph(write_png(samples, 8, colour))
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(write_png(grey, 8, 0)).pixels)
    assert radiograph.notes == ()


@pytest.mark.parametrize(("colour", "depth"), [(0, 4), (0, 8), (0, 16), (2, 8), (2, 16)])
def test_the_one_transparent_colour_becomes_black(colour, depth):
    samples = random_samples(colour, depth, 32, 32, 3)
    samples[5:9] = samples[0, 1]
    key = samples[0, 1].astype(">u2").tobytes()
    radiograph = read_radiograph(write_png(samples, depth, colour, chunks=[(b"tRNS", key)]))
    transparent = (samples == samples[0, 1]).all(axis=-1)
    expected = np.where(transparent, 0, expected_grey(samples, colour, depth, None))
    np.testing.assert_allclose(radiograph.pixels, expected, rtol=0, atol=0.51 / 255)
    assert radiograph.notes == ("transparent parts are shown as black",)


def test_transparent_palette_entries_fade_to_black():
    samples = random_samples(3, 2, 32, 32, 1)
    palette = np.array([[255, 255, 255], [200, 100, 0], [0, 0, 0], [9, 9, 9]], np.uint8)
    alpha = np.array([0.0, 51 / 255, 1.0, 1.0])
    chunks = [(b"PLTE", palette.tobytes()), (b"tRNS", bytes([0, 51]))]
    pixels = read_radiograph(write_png(samples, 2, 3, chunks=chunks)).pixels
    expected = ((palette @ LUMA) / 255 * alpha)[samples[..., 0]]
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=2e-7)


@pytest.mark.parametrize(("colour", "alpha"), [(0, False), (2, False), (4, True), (6, True)])
@pytest.mark.parametrize(
    ("highest", "bits"), [(255, 8), (256, 9), (1023, 10), (4095, 12), (9000, 14), (16384, 15), (40000, 16)]
)
def test_16_bit_samples_are_scaled_by_the_depth_that_holds_them(colour, alpha, highest, bits):
    samples = np.random.default_rng(0).integers(0, highest + 1, (32, 32, CHANNELS[colour]))
    samples[0, 0] = highest
    if alpha:
        samples[..., -1] = 65535
    radiograph = read_radiograph(write_png(samples, 16, colour))
    luma = samples[..., :3] @ LUMA if colour in (2, 6) else samples[..., 0]
    np.testing.assert_allclose(radiograph.pixels, luma / (2**bits - 1), rtol=0, atol=2e-7)
    told = (f"16-bit samples up to {highest}: read as {bits}-bit values",) if bits < 16 else ()
    assert radiograph.notes == told


@pytest.mark.parametrize(
    ("highest", "significant", "white"),
    # All are bright enough that they are not stretched as dark exports.
    [(1500, 12, 4095), (4095, 12, 4095), (65520, 12, 65535), (24000, 16, 65535), (900, 10, 1023)],
)
def test_significant_bits_decide_where_a_16_bit_png_states_them(highest, significant, white):
    """Samples that fit into the significant bits were not scaled up, as they should have been."""
    samples = np.random.default_rng(0).integers(0, highest + 1, (32, 32, 1))
    samples[0, 0] = highest
    radiograph = read_radiograph(write_png(samples, 16, 0, chunks=[(b"sBIT", bytes([significant]))]))
    np.testing.assert_allclose(radiograph.pixels, samples[..., 0] / white, rtol=0, atol=2e-7)


def test_a_black_16_bit_png_is_black():
    assert (read_radiograph(write_png(np.zeros((32, 32, 1), int), 16, 0)).pixels == 0).all()


def test_text_profiles_and_other_ancillary_chunks_change_nothing():
    samples = random_samples(0, 8, 32, 32, 0)
    chunks = [
        (b"tEXt", b"Title\0image"),
        (b"iCCP", b"x\0\0garbage"),
        (b"gAMA", b"\0\0\xb1\x8f"),
        (b"prVt", b"?"),
    ]
    np.testing.assert_array_equal(
        read_radiograph(write_png(samples, 8, 0, chunks=chunks)).pixels,
        read_radiograph(write_png(samples, 8, 0)).pixels,
    )


def test_an_animated_png_is_refused():
    frames = [Image.fromarray(np.full((40, 40), shade, np.uint8)) for shade in (9, 99)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableImage, match="an animated PNG; expected one image"):
        read_radiograph(file.getvalue())


END = chunk(b"IEND", b"")
BROKEN = {
    "no header": SIGNATURE + chunk(b"IDAT", b"") + END,
    "a short header": SIGNATURE + chunk(b"IHDR", b"\0\0\0\x20\0\0\0\x20") + END,
    "no image data": SIGNATURE + header(32, 32, 8, 0) + END,
    "a depth that PNG lacks": SIGNATURE + header(32, 32, 3, 0) + chunk(b"IDAT", b"x") + END,
    "a colour type that PNG lacks": SIGNATURE + header(32, 32, 8, 5) + chunk(b"IDAT", b"x") + END,
    "image data that are no zlib stream": SIGNATURE + header(32, 32, 8, 0) + chunk(b"IDAT", b"xxxx") + END,
    "no palette": write_png(np.zeros((32, 32, 1), int), 8, 3),
    "an index beyond the palette": write_png(np.full((32, 32, 1), 7), 8, 3, chunks=[(b"PLTE", b"abcdef")]),
    "a transparent colour of three channels in grey": write_png(
        np.zeros((32, 32, 1), int), 8, 0, chunks=[(b"tRNS", bytes(6))]
    ),
    "a filter that PNG lacks": write_png(np.zeros((32, 32, 1), int), 8, 0)[:8]
    + header(32, 32, 8, 0)
    + chunk(b"IDAT", __import__("zlib").compress(b"\x09" + bytes(32) * 32 + bytes(31)))
    + END,
    "rows for half the height": write_png(np.zeros((32, 32, 1), int), 8, 0).replace(
        header(32, 32, 8, 0), header(32, 64, 8, 0)
    ),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_a_broken_png_is_refused(what):
    with pytest.raises(UnreadableImage, match="expected"):
        read_radiograph(BROKEN[what])


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_missing_rows_are_noticed_wherever_the_stream_ends(colour, depth, interlaced):
    """Pillow leaves them black; between two rows it does not complain."""
    samples = random_samples(colour, depth, 32, 32, 0)
    chunks = [(b"PLTE", bytes(3 * 2**depth))] if colour == 3 else []
    for height in (33, 40, 64, 200):
        data = write_png(samples, depth, colour, interlaced=interlaced, chunks=chunks)
        taller = data.replace(
            header(32, 32, depth, colour, interlaced), header(32, height, depth, colour, interlaced)
        )
        assert taller != data
        with pytest.raises(UnreadableImage, match="damaged image data"):
            read_radiograph(taller)


def test_every_changed_byte_of_a_png_is_noticed():
    """Checksums cover every chunk; only what follows the end is free."""
    data = write_png(random_samples(0, 8, 32, 32, 0), 8, 0)
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x11
        with pytest.raises(UnreadableImage):
            read_radiograph(bytes(damaged))
