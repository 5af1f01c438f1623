"""Crops (TSN's at paper scale: tests/golden), mirrored flow, stacking and normalisation."""

import numpy as np
import pytest
import torch

from pipeline.recognition import crops, inputs
from pipeline.recognition.backbone import CAFFE, IMAGENET

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_test_boxes_count(count):
    boxes = crops.scoring_boxes(72, 96, 64, count)
    assert len(boxes) == count
    assert (boxes[0].top, boxes[0].left, boxes[0].mirrored) == (4, 16, False)


def test_crop_larger_than_the_frame_is_cut():
    boxes = crops.scoring_boxes(20, 96, 64, 10)
    assert {(box.top, box.height, box.width) for box in boxes} == {(0, 20, 64)}


def test_mirrored_flow_turns_u_and_keeps_v():
    fields = np.zeros((2, 1, 3, 2), np.uint8)
    fields[0, 0, :, 0] = [10, 20, 30]
    fields[0, 0, :, 1] = [1, 2, 3]
    fields[1, 0, :, 0] = [128, 255, 0]
    stacked = inputs.stack_fields(fields, 2)
    assert stacked.shape == (1, 1, 3, 4)
    assert stacked[0, 0, 0].tolist() == [10, 1, 128, 0]
    mirrored = inputs.mirror(stacked, flow=True)
    assert mirrored[0, 0, :, 0].tolist() == [225, 235, 245]
    assert mirrored[0, 0, :, 1].tolist() == [3, 2, 1]
    assert mirrored[0, 0, :, 2].tolist() == [255, 0, 127]
    assert stacked[0, 0, 0].tolist() == [10, 1, 128, 0]
    assert (inputs.mirror(mirrored, flow=True) == stacked).all()
    assert (inputs.mirror(stacked, flow=False) == stacked[:, :, ::-1]).all()


def test_cropping_before_stacking_is_stacking_before_cropping():
    rng = np.random.default_rng(0)
    fields = rng.integers(0, 256, (6, 20, 24, 2)).astype(np.uint8)
    box = crops.Box(2, 3, 16, 16, mirrored=True)
    first = inputs.stack_fields(inputs.cut_resized(fields, box, 16, flow=True), 3)
    second = inputs.cut(inputs.stack_fields(fields, 3), box, flow=True)
    assert (first == second).all()


@pytest.mark.parametrize("stream", ["spatial", "temporal"])
def test_training_boxes_stay_inside(stream):
    rng = np.random.default_rng(0)
    boxes = [crops.tsn_box(72, 96, 64, stream, rng) for _ in range(300)]
    boxes += [crops.st_box(72, 96, 64, rng) for _ in range(300)]
    boxes += [crops.st_flow_box(72, 96, 64, rng) for _ in range(300)]
    for box in boxes:
        assert 0 <= box.top <= box.top + box.height <= 72
        assert 0 <= box.left <= box.left + box.width <= 96
    assert {box.mirrored for box in boxes} == {False, True}
    assert max(box.height for box in boxes) == 72


def test_tsn_sides_close_to_the_input_become_it():
    rng = np.random.default_rng(0)
    boxes = [crops.tsn_box(254, 340, 224, "spatial", rng) for _ in range(200)]
    # 0.875 of 254 is 222.25.
    assert {box.height for box in boxes} == {254, 224, 190, 167}


def test_st_boxes_at_paper_scale():
    rng = np.random.default_rng(0)
    boxes = [crops.st_flow_box(256, 340, 224, rng) for _ in range(2000)]
    sides = {256, 224, 192, 168}
    assert {(box.height, box.width) for box in boxes} == {(h, w) for h in sides for w in sides}
    places = {(box.top, box.left) for box in boxes if (box.height, box.width) == (192, 168)}
    assert places == {(0, 0), (0, 172), (64, 0), (64, 172), (32, 86)}
    for box in (crops.st_box(256, 340, 224, rng) for _ in range(500)):
        assert 168 <= box.height <= 256
        assert 168 <= box.width <= 280
        shares = [box.top / max(256 - box.height, 1), box.left / (340 - box.width)]
        assert all(share <= 0.25 for share in shares) or shares[1] > 0.7


def test_normalisation():
    raw = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    assert inputs.normalise(raw, CAFFE, flow=False).flatten().tolist() == [30 - 104, 20 - 117, 10 - 123]
    expected = (torch.tensor([10, 20, 30]) / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    torch.testing.assert_close(inputs.normalise(raw, IMAGENET, flow=False).flatten(), expected)
    flow = torch.tensor([[[[128, 0, 255, 127]]]], dtype=torch.uint8)
    assert inputs.normalise(flow, CAFFE, flow=True).flatten().tolist() == [0, -128, 127, -1]
    batch = torch.zeros(2, 5, 8, 9, 4, dtype=torch.uint8)
    assert inputs.normalise(batch, CAFFE, flow=True).shape == (2, 5, 4, 8, 9)
