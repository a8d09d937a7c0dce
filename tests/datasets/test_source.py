"""A data set by its folder or its table: what the NIH sample and tables in sub-folders need."""

import numpy as np
import pytest
from PIL import Image

from chexnet.datasets import PackConfig, Source, open_pack, pack_data
from chexnet.tables import ColumnNames

SAMPLE = """Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position
00000013_005.png,Emphysema|Infiltration,005,00000013,060Y,M,AP
00000013_026.png,No Finding,026,00000013,057Y,M,AP
00000017_001.png,Mass,001,00000017,077Y,F,PA
"""


@pytest.fixture
def sample(tmp_path):
    """``sample_labels.csv`` beside a folder of images, as the NIH sample has them."""
    (tmp_path / "sample_labels.csv").write_text(SAMPLE, encoding="utf-8")
    (tmp_path / "images").mkdir()
    for line in SAMPLE.splitlines()[1:]:
        pixels = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / line.partition(",")[0])
    return tmp_path / "sample_labels.csv"


def test_the_nih_sample_is_read_as_the_whole_data_set_is(sample):
    labels, manifest = Source(sample).labels(), Source(sample).manifest()
    assert labels.patients == ["00000013", "00000013", "00000017"]
    assert labels.age.tolist() == [60, 57, 77]
    assert manifest.image_ids == ("00000013_005.png", "00000013_026.png", "00000017_001.png")
    assert manifest.images[0] == sample.parent / "images" / "00000013_005.png"
    assert manifest.labels[:, manifest.findings.index("Mass")].tolist() == [0, 0, 1]


def test_the_nih_sample_is_packed(sample, tmp_path):
    packed = pack_data(sample, tmp_path / "pack", PackConfig(image_size=32, workers=1))
    assert not packed.pack.problems
    manifest = Source(sample).manifest().read_from(open_pack(tmp_path / "pack"))
    assert manifest.packed(2).shape == (32, 32)


def test_its_images_may_lie_elsewhere(sample, tmp_path):
    (tmp_path / "images").rename(tmp_path / "moved")
    with pytest.raises(ValueError, match="3 of 3 images are missing"):
        Source(sample).manifest()
    manifest = Source(sample, ColumnNames(image_root=tmp_path / "moved")).manifest()
    assert all(image.is_file() for image in manifest.images)
