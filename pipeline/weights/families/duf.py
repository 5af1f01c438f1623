"""VSR-DUF and ToSR: the release's TensorFlow names, in .h5 or a checkpoint, and EDVR's port.

BasicSR's port has our names. Names of the release (yhjo09/VSR-DUF): ``G/conv1``, for unit r (from 1)
``Rbn{r}a``, ``Rconv{r}a``, ``Rbn{r}b``, ``Rconv{r}b``, then ``fbn1``, ``conv2``, ``rconv1``, ``rconv2``
(residual), ``fconv1``, ``fconv2`` (filters); the last three units shorten time. A convolution has ``W``
(t, h, w, in, out) and ``b``, a normalisation ``gamma``, ``beta``, ``moving_mean``, ``moving_variance``.

Channel s * 3 + c of the release's residual is colour c of sub-pixel s; ours is c * 16 + s (for x4).

ToSR's checkpoint also holds trained expansion filters, ``filter_localexpand``, ``..._1``, ``..._2`` of shape
(5, 5, 1, 25), one a colour; the release's are the plain neighbourhood. A network with ``learned_expansion``
takes the plain neighbourhood where the file has none, as ToSR's training does.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from pipeline.weights.formats import Source
from pipeline.weights.wrapping import Renamed, renamed

LAYERS = {
    "conv1": "conv3d1", "fbn1": "bn3d2", "conv2": "conv3d2", "rconv1": "conv3d_r1", "rconv2": "conv3d_r2",
    "fconv1": "conv3d_f1", "fconv2": "conv3d_f2",
}  # fmt: skip
PARTS = {
    "W": "weight", "b": "bias", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
    "moving_variance": "running_var",
}  # fmt: skip
UNIT = {"bna": 0, "conva": 2, "bnb": 3, "convb": 5}
"""Places of the layers in a dense unit."""
REDUCING = 3
"""Units that shorten time."""
EXPANSION = "dynamic_filter.expansion_filter"
EXPANSIONS = re.compile(r"^(dynamic_filter\.)?(expansion_filter|expand_filter|filter_localexpand)$")
"""Names of the expansion filters in torch."""
TRAINING_STATE = re.compile(
    r".*/(Adam(_\d+)?|biased|local_step)|beta[12]_power(_\d+)?|.*/beta[12]_power|global_step"
)
"""What TensorFlow keeps of the training beside the weights."""


def tensorflow(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Our names of the release's."""
    if source.format not in ("h5", "tensorflow"):
        return None
    variables = {key.removesuffix(":0"): value for key, value in source.state.items()}
    variables = {
        key.removeprefix("G/"): value for key, value in variables.items() if not TRAINING_STATE.fullmatch(key)
    }
    numbers = [int(match[1]) for key in variables if (match := re.match(r"Rconv(\d+)a/W", key))]
    kept = max(numbers, default=REDUCING) - REDUCING
    state, expansions = Renamed(), {}
    for key, value in variables.items():
        layer, _, part = key.partition("/")
        if re.fullmatch(r"filter_localexpand(_[12])?", key):
            expansions[key] = value.permute(3, 2, 0, 1)  # (25, 1, 5, 5)
            continue
        if layer == "rconv2":
            value = colours_first(value, -1)
        if part == "W" and value.ndim == 5:
            value = value.permute(4, 3, 0, 1, 2)
        state.put(f"{_layer(layer, kept)}.{PARTS.get(part, part)}", key, value)
    if expansions:
        state[EXPANSION] = torch.cat([expansions[key] for key in sorted(expansions)])
    return with_expansion(state, network)


def _layer(name: str, kept: int) -> str:
    match = re.fullmatch(r"R(bn|conv)(\d+)([ab])", name)
    if not match:
        return LAYERS.get(name, name)
    unit = int(match[2])
    block = f"dense_block1.dense_blocks.{unit - 1}"
    if unit > kept:
        block = f"dense_block2.temporal_reduce{unit - kept}"
    return f"{block}.{UNIT[match[1] + match[3]]}"


def colours_first(value: Tensor, dim: int) -> Tensor:
    """Residual channels s * 3 + c along ``dim`` as c * 16 + s; other numbers of channels stay."""
    if value.shape[dim] % 3:
        return value
    channels = torch.arange(value.shape[dim]).view(-1, 3).T.reshape(-1)
    return value.index_select(dim, channels)


def with_expansion(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """``state`` itself, with expansion filters if the network learns them, else without plain ones."""
    plain = torch.eye(25).view(25, 1, 5, 5).repeat(3, 1, 1, 1)
    learned = EXPANSION in network.state_dict()
    found = state.get(EXPANSION)
    if found is not None and found.shape == (25, 1, 5, 5):
        found = state[EXPANSION] = found.repeat(3, 1, 1, 1)
    if found is None and learned:
        state[EXPANSION] = plain
    if found is not None and not learned and torch.equal(found.float(), plain):
        del state[EXPANSION]
    return state


def basicsr(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Our names, which are BasicSR's, with or without expansion filters."""
    if source.format != "torch" or "conv3d_r2.weight" not in source.state:
        return None
    state = renamed(source.state, lambda key: EXPANSIONS.sub(EXPANSION, key))
    return with_expansion(state, network)


def epsilon_note(network: nn.Module) -> str:
    """Which epsilon BN has: no checkpoint holds it, and BasicSR's own trainings differ from the release."""
    epsilon = next(module.eps for module in network.modules() if isinstance(module, nn.BatchNorm3d))
    return (
        f"BN epsilon {epsilon:g} taken (args: epsilon); the published weights have 1e-3, those that "
        "BasicSR trained from scratch 1e-5"
    )


def edvr(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Our names of EDVR's port; a file named "official" has the release's order of residual channels."""
    if "dense_block_2.conv3d_1.weight" not in source.state:
        return None
    state = Renamed()
    for key, value in source.state.items():
        if key.startswith("conv3d_r2.") and "official" in source.path.name.lower():
            value = colours_first(value, 0)
        state.put(_from_edvr(key), key, value)
    return with_expansion(state, network)


def _from_edvr(key: str) -> str:
    if match := re.fullmatch(r"dense_block_([12])\.(bn|conv)3d_(\d)\.(\w+)", key):
        place = int(match[3]) - 1
        block = ("dense_block1.dense_blocks.{}", "dense_block2.temporal_reduce{}")[int(match[1]) - 1]
        unit = place // 2 + (match[1] == "2")
        return f"{block.format(unit)}.{UNIT[match[2] + 'ab'[place % 2]]}.{match[4]}"
    if match := re.fullmatch(r"dense_block_1\.dense_blocks\.(\d+)\.(\w+)", key):
        return "dense_block1.dense_blocks.{}.{}.{}".format(*divmod(int(match[1]), 6), match[2])
    return re.sub(r"^(bn|conv)3d_([12])\.", r"\g<1>3d\2.", key)
