"""VSR-DUF and ToSR: TensorFlow's names in .h5 and in a checkpoint, and the torch ports.

The networks with such weights are held against outputs in tests/golden.
"""

import json

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.cli import main
from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.published import load_published
from tests.weights.writing import write_checkpoint, write_h5

pytestmark = pytest.mark.numeric

KEPT, GROWTH, FEATURES, HEAD = 3, 4, 6, 8
EXPANSION = "dynamic_filter.expansion_filter"
ARGS = {"depth": 16, "growth": GROWTH, "features": FEATURES, "head": HEAD}


def variables(learned: bool) -> dict[str, np.ndarray]:
    """Random variables of the release's graph, by TensorFlow's names and in its axes."""
    rng = np.random.default_rng(0)
    found = {}

    def layer(name: str, *shape: int) -> None:
        found[f"G/{name}/W:0"] = rng.standard_normal(shape) * np.prod(shape[:-1]) ** -0.5
        found[f"G/{name}/b:0"] = 0.1 * rng.standard_normal(shape[-1])

    def norm(name: str, n: int) -> None:
        for part in ("beta", "gamma", "moving_mean"):
            found[f"G/{name}/{part}:0"] = 0.5 * rng.standard_normal(n)
        found[f"G/{name}/moving_variance:0"] = 0.01 + rng.random(n)
        # What the training keeps of them, under the name of the scope inside of the scope.
        found[f"G/{name}/G/{name}/moving_mean/biased:0"] = rng.standard_normal(n)
        found[f"G/{name}/G/{name}/moving_mean/local_step:0"] = np.array(7.0)

    layer("conv1", 1, 3, 3, 3, FEATURES)
    n = FEATURES
    for unit in range(1, KEPT + 4):
        norm(f"Rbn{unit}a", n)
        layer(f"Rconv{unit}a", 1, 1, 1, n, n)
        norm(f"Rbn{unit}b", n)
        layer(f"Rconv{unit}b", 3, 3, 3, n, GROWTH)
        n += GROWTH
    norm("fbn1", n)
    layer("conv2", 1, 3, 3, n, HEAD)
    layer("rconv1", 1, 1, 1, HEAD, HEAD)
    layer("rconv2", 1, 1, 1, HEAD, 48)
    layer("fconv1", 1, 1, 1, HEAD, 2 * HEAD)
    layer("fconv2", 1, 1, 1, 2 * HEAD, 400)
    for colour in range(3):
        expand = np.eye(25).reshape(5, 5, 1, 25)
        if learned:
            expand = expand + 0.1 * rng.standard_normal(expand.shape)
        found[f"G/filter_localexpand{f'_{colour}' if colour else ''}:0"] = expand
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def mangled(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Names in an .h5 of the release: underscores are doubled, then slashes become underscores."""
    return {name.replace("_", "__").replace("/", "_"): value for name, value in values.items()}


def expansion(values: dict[str, np.ndarray]) -> Tensor:
    """The expansion filters of all colours (75, 1, 5, 5)."""
    filters = [values[f"G/filter_localexpand{end}:0"] for end in ("", "_1", "_2")]
    return torch.from_numpy(np.concatenate([each.transpose(3, 2, 0, 1) for each in filters]))


def port(values: dict[str, np.ndarray], official: bool, edvr: bool, flat: bool = False) -> dict[str, Tensor]:
    """The names of the torch ports: BasicSR's, or EDVR's of 16 layers or of more (flat)."""
    names = {"conv1": "conv3d1", "conv2": "conv3d2", "fbn1": "bn3d2", "rconv1": "conv3d_r1"}
    names |= {"rconv2": "conv3d_r2", "fconv1": "conv3d_f1", "fconv2": "conv3d_f2"}
    if edvr:
        names |= {"conv1": "conv3d_1", "conv2": "conv3d_2", "fbn1": "bn3d_2"}
    for unit in range(KEPT + 3):
        block, place = divmod(unit, 3)
        for part, kind, index in (
            ("bn{}a", "bn", 0),
            ("conv{}a", "conv", 2),
            ("bn{}b", "bn", 3),
            ("conv{}b", "conv", 5),
        ):
            name = (f"dense_block1.dense_blocks.{unit}", f"dense_block2.temporal_reduce{place + 1}")[block]
            name = f"{name}.{index}"
            if edvr and flat and not block:
                name = f"dense_block_1.dense_blocks.{6 * unit + index}"
            elif edvr:
                name = f"dense_block_{block + 1}.{kind}3d_{2 * place + 1 + (index > 2)}"
            names["R" + part.format(unit + 1)] = name
    parts = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
    parts |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
    state = {}
    for key, value in values.items():
        _, layer, part = key.removesuffix(":0").split("/", 2) if key.count("/") == 2 else ("", "", "")
        if layer not in names or part not in parts:
            continue
        tensor = torch.from_numpy(value)
        if layer == "rconv2" and not official:
            tensor = tensor.unflatten(-1, (16, 3)).transpose(-1, -2).flatten(-2)
        state[f"{names[layer]}.{parts[part]}"] = tensor.permute(4, 3, 0, 1, 2) if part == "W" else tensor
    return state


def check(network: torch.nn.Module, values: dict[str, np.ndarray]) -> None:
    """The network has the variables under the names and in the order of BasicSR's port, which are its own."""
    state = network.state_dict()
    expected = port(values, official=False, edvr=False)
    if EXPANSION in state:
        expected[EXPANSION] = expansion(values)
    assert {key for key in state if not key.endswith("num_batches_tracked")} == expected.keys()
    for key, value in expected.items():
        assert torch.equal(state[key], value), key


@pytest.mark.parametrize(
    "kind", ["h5", "checkpoint", "BasicSR", "EDVR official", "EDVR flat, official", "EDVR trained anew"]
)
def test_vsr_duf(kind, tmp_path):
    values = variables(learned=False)
    path = tmp_path / {"h5": "params_16L_x4.h5", "checkpoint": "VSR-DUF.model-9.index"}.get(kind, "duf.pth")
    if kind == "h5":
        write_h5(mangled(values), path)
    elif kind == "checkpoint":
        write_checkpoint(values, path)
    else:
        if "official" in kind:
            path = tmp_path / "DUF_x4_28L_official.pth"
        torch.save(port(values, "official" in kind, "EDVR" in kind, "flat" in kind), path)
    for learned in (False, True):
        network = load_network("vsr_duf", ARGS | {"learned_expansion": learned})
        load_published(network, path)
        check(network, values)


@pytest.mark.parametrize("kind", ["h5", "checkpoint", "torch"])
def test_tosr_with_filters_of_each_colour(kind, tmp_path):
    values = variables(learned=True)
    path = tmp_path / {"h5": "tosr.h5", "checkpoint": "VSR-DUF.model-171681.index"}.get(kind, "tosr.pth")
    if kind == "h5":
        write_h5(mangled(values), path)
    elif kind == "checkpoint":
        write_checkpoint(values, path)
    else:
        torch.save(port(values, official=False, edvr=False) | {EXPANSION: expansion(values)}, path)
    network = load_network("vsr_duf", ARGS | {"learned_expansion": True})
    load_published(network, path)
    assert network.dynamic_filter.expansion_filter.shape == (75, 1, 5, 5)
    check(network, values)
    with pytest.raises(WeightsError, match=r"1 unexpected: dynamic_filter\.expansion_filter"):
        load_published(load_network("vsr_duf", ARGS), path)


def test_a_checkpoint_without_its_data_is_refused(tmp_path):
    index = tmp_path / "model-1.index"
    write_checkpoint(variables(learned=False), index)
    (tmp_path / "model-1.data-00000-of-00001").unlink()
    with pytest.raises(WeightsError, match=r"model-1\.index needs 1 little-endian files .*; found none"):
        load_published(load_network("vsr_duf", ARGS), index)


def test_another_h5_is_refused(tmp_path):
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file["frames"] = np.zeros(3)
    with pytest.raises(WeightsError, match="no group params, but frames"):
        load_published(load_network("vsr_duf", ARGS), tmp_path / "frames.h5")


def test_the_epsilon_of_basicsr_is_a_key_and_reported(tmp_path, capsys):
    """No checkpoint holds it: BasicSR trains its port with 1e-5, the published weights have 1e-3."""
    path, out = tmp_path / "duf.pth", tmp_path / "out.safetensors"
    torch.save({"params": port(variables(learned=False), official=False, edvr=False)}, path)
    for args, epsilon in ((ARGS, "0.001"), (ARGS | {"epsilon": 1e-5}, "1e-05")):
        network = load_network("vsr_duf", args)
        norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm3d)]
        assert {norm.eps for norm in norms} == {float(epsilon)}
        load_published(network, path)
        assert f"BN epsilon {epsilon} taken" in capsys.readouterr().err
        files = ["--source", str(path), "--out", str(out)]
        assert main(["import-weights", "--network", "vsr_duf", "--args", json.dumps(args), *files]) == 0
        assert f"BN epsilon {epsilon} taken" in capsys.readouterr().out
