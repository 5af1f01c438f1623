"""Published weights on Set5 x4: the PSNR that their authors report.

Luma of BT.601 (studio range), 4 pixels of border left out, float SR clipped to [0, 1]. LR is our
imresize of HR, 8-bit; the PNGs beside the ground truth give the same to 0.01 dB. VDSR's release
reports 31.45 dB with its luma enlarged in float, which is what happens here; rounding the enlarged
image to 8 bits first loses 0.1 dB (RGB) to 0.4 dB (luma), which is where lower figures come from.
"""

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.superres.luma import luma
from pipeline.superres.networks import load_network
from pipeline.video.psnr import psnr
from pipeline.video.resize import imresize
from pipeline.weights.published import load_published

pytestmark = pytest.mark.numeric
SRGAN = {"blocks": 5, "bias": True, "output": "tanh"}


def images(folder):
    for path in sorted(folder.glob("*_HR.png")):
        hr = np.asarray(Image.open(path).convert("RGB"))
        height, width = (side - side % 4 for side in hr.shape[:2])
        yield hr[:height, :width]


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]


def mean_psnr(network, folder) -> float:
    values = []
    for hr in images(folder):
        lr = imresize(hr, hr.shape[0] // 4, hr.shape[1] // 4)
        with torch.no_grad():
            sr = network.eval()(tensor(lr)).clamp(0, 1)
        inner = (..., slice(4, -4), slice(4, -4))
        values.append(psnr(*(255 * luma(image)[inner].numpy() for image in (sr, tensor(hr)))))
    assert len(values) == 5
    return sum(values) / 5


@pytest.mark.parametrize(
    ("network", "args", "file", "published"),
    [
        ("bicubic", {}, None, 28.43),
        pytest.param("vdsr", {}, "vdsr_twtygqyy.pth", 31.45, marks=pytest.mark.slow),
        ("srresnet", SRGAN, "srgan_x4_dyckia.pth", 30.61),
    ],
)
def test_published_psnr(network, args, file, published, real_data):
    built = load_network(network, args)
    if file:
        load_published(built, real_data / "weights" / file)
    assert mean_psnr(built, real_data / "set5") == pytest.approx(published, abs=0.01)


def test_published_files_load(real_data):
    """Saved on a GPU, one of them as a whole module."""
    vdsr, srgan = load_network("vdsr", {}), load_network("srresnet", SRGAN)
    load_published(vdsr, real_data / "weights" / "vdsr_twtygqyy.pth")
    load_published(srgan, real_data / "weights" / "srgan_x4_dyckia.pth")
    assert {next(network.parameters()).device.type for network in (vdsr, srgan)} == {"cpu"}
