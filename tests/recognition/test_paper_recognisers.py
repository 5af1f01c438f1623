"""config/paper.yaml has the schedules of the releases, computed here from the units of their scripts."""

import pytest
import yaml

from pipeline.config.load import load_config

CLIPS = {"ucf101": 9537, "hmdb51": 3570}

# Of ST-ResNet's scripts: passes over the clips an epoch, clips a step, clips a pass, epochs of each rate.
ST_RESNET = {
    ("spatial", "ucf101"): (10, 256, 32, (2, 2, 2)),
    ("spatial", "hmdb51"): (10, 256, 32, (2, 1, 1)),
    ("temporal", "ucf101"): (100, 128, 32, (1, 1, 1, 1)),
    ("temporal", "hmdb51"): (100, 128, 32, (1, 1, 1, 1)),
    ("stage1", "ucf101"): (10, 128, 4, (3, 3, 2)),
    ("stage1", "hmdb51"): (10, 128, 4, (3, 3, 2)),
    ("stage2", "ucf101"): (1, 128, 4, (1, 1)),
    ("stage2", "hmdb51"): (1, 128, 4, (1, 1)),
}
FIRST_RATE = {"spatial": 1e-2, "temporal": 1e-2, "stage1": 1e-3, "stage2": 1e-4}

# Of TSN's last solvers: base_lr, steps of the drops, max_iter, clip_gradients, dropout, rate of conv1.
TSN = {
    ("spatial", "ucf101"): (1e-3, [1500, 3000], 3500, 40.0, 0.8, 1.0),
    ("spatial", "hmdb51"): (1e-3, [1000, 2000], 2500, 40.0, 0.8, 1.0),
    ("temporal", "ucf101"): (5e-3, [10000, 16000], 18000, 20.0, 0.7, 5.0),
    ("temporal", "hmdb51"): (5e-3, [4000, 6000], 7000, 20.0, 0.7, 5.0),
}


@pytest.fixture(scope="module")
def recognizers(root):
    raw = yaml.safe_load((root / "config/paper.yaml").read_text())
    return load_config(raw, data_must_exist=False).recognition.recognizers


@pytest.mark.parametrize(("stream", "dataset"), ST_RESNET)
def test_st_resnet_ends_with_the_listed_epochs(recognizers, stream, dataset):
    spec = recognizers["st_resnet"]
    section = getattr(spec, stream, None) or getattr(spec.joint, stream)
    found = section.for_dataset(dataset)
    passes, batch, piece, epochs = ST_RESNET[stream, dataset]
    steps = [sum(epochs[: n + 1]) * passes * CLIPS[dataset] / batch for n in range(len(epochs))]
    assert [*found.milestones, found.iterations] == pytest.approx(steps, abs=0.51)
    assert (found.batch_size, found.micro_batch) == (batch, piece)
    assert (found.lr, found.gamma) == (FIRST_RATE[stream], 0.1)
    assert (found.momentum, found.weight_decay, found.clip_gradient) == (0.9, 5e-4, None)
    assert (found.norm_rate, found.norm_momentum, found.partial_bn) == (2.0, 0.05, False)
    assert found.dropout == (0.8 if stream == "temporal" else 0.0)
    assert spec.spatial.for_dataset(dataset).same_place
    assert spec.test_frames == 25


@pytest.mark.parametrize(("stream", "dataset"), TSN)
def test_tsn_has_its_last_solvers(recognizers, stream, dataset):
    spec = recognizers["tsn"]
    found = getattr(spec, stream).for_dataset(dataset)
    clipped = (found.clip_gradient, found.dropout, found.first_conv_rate)
    assert (found.lr, found.milestones, found.iterations, *clipped) == TSN[stream, dataset]
    # batch_size 32 in the network's file, on four GPUs, iter_size 1.
    assert (found.batch_size, found.micro_batch) == (4 * 32, 32)
    assert (found.momentum, found.weight_decay, found.gamma) == (0.9, 5e-4, 0.1)
    assert found.partial_bn
    assert spec.first_frame == 2
