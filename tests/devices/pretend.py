"""Training steps and forward passes on a fake device: ``python -m tests.devices.pretend``.

Tensors on it have shapes and no values. So a tensor that a network or a loss leaves on the CPU shows, and so
does reading a value, for which a GPU would stop. Prints what went wrong in each case as JSON; null: nothing.
Used by test_placement.py in a separate process, because the device cannot be removed again.
"""

import contextlib
import json
import warnings
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from pipeline import config
from pipeline.flow.flownet2 import NETWORKS
from pipeline.plugins import find
from pipeline.recognition.models import build_model
from pipeline.recognition.training import _Step
from pipeline.superres.batches import Batch
from pipeline.superres.features import VGG19
from pipeline.superres.networks import load_network
from pipeline.superres.objective import Objective, Setting
from tests.networks import SMALL

NAME = "pretend"
DEVICE = f"{NAME}:0"
COMPUTE = config.Compute.model_construct(device=NAME, devices=1, threads=1, precision="float32")
GAN = {"size": 32, "features": 4}
LOSSES = {
    "siamese": {"pixel": {"kind": "huber"}, "warp": {}},
    "weighted": {"pixel": {"flow_weight": "squared_magnitude", "normalise": "mean"}},
    "esrgan": {"feature": {}, "adversarial": {"args": GAN}},
    "srgan": {"adversarial": {"kind": "standard", "discriminator": "srgan_discriminator", "args": GAN}},
    "motion": {"motion": {}},
}


class OneDevice(TorchDispatchMode):
    """Refuses operations on tensors of several devices, which a fake convolution would accept."""

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        tensors = [t for t in tree_leaves((arguments, named)) if isinstance(t, torch.Tensor) and t.ndim]
        places = {str(tensor.device) for tensor in tensors}
        if len(places) > 1 and "copy" not in str(operation):
            raise RuntimeError(f"{operation} takes tensors on {' and '.join(sorted(places))}")
        return operation(*arguments, **(named or {}))


class Alone:
    """The part of Fabric that the losses use."""

    def setup_module(self, module: nn.Module, move_to_device: bool) -> nn.Module:
        return module

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()


def moved(module: nn.Module, *_: object, **__: object) -> nn.Module:
    """``module.to(DEVICE)``: parameters and buffers, as torch moves them."""
    for part in module.modules():
        for values in (part._parameters, part._buffers):
            for name, value in values.items():
                if value is not None:
                    empty = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=DEVICE)
                    values[name] = (
                        nn.Parameter(empty, value.requires_grad) if isinstance(value, nn.Parameter) else empty
                    )
    return module


def images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, device=DEVICE)


def sr_case(name: str, **more: object) -> None:
    network = load_network(name, SMALL[name] | more)
    if name == "vsr_duf":
        network(torch.rand(1, 7, 3, 8, 8))  # it reads its number of steps once
    sr = moved(network)(images(2, network.frames, 3, 16, 16))
    if name != "bicubic":
        sr.sum().backward()
    network.eval()(images(2, network.frames, 3, 16, 16))


def loss_case(name: str) -> None:
    network, features = (
        moved(load_network("spmc", SMALL["spmc"])),
        config.FeatureNetwork(network="random_features"),
    )
    training = config.SRTraining(losses={"pixel": None} | LOSSES[name])
    objective = Objective(Setting(training, features, COMPUTE, network, Alone()))
    if critic := objective.built.get("adversarial"):
        critic.descent.optimiser.step = lambda: None  # torch's own
    sides = 2 if name == "siamese" else 1
    batch = Batch(images(2, sides, 3, 3, 8, 8), images(2, sides, 3, 32, 32), images(2, 2, 32, 32))
    sr = network(batch.lr.flatten(0, 1)).unflatten(0, (2, sides))
    sum(objective.generator_terms(sr, batch).values()).backward()
    objective.train_own(sr.detach(), batch)


def flow_case(name: str) -> None:
    moved(NETWORKS[name]())(images(1, 3, 2, 64, 64))


def recogniser_case(protocol: str, network: str, args: dict, stream: str) -> None:
    once = {"iterations": 1}
    training = {"stage1": once, "stage2": once} if stream == "joint" else once
    keys = {"protocol": protocol, "network": network, "args": args, "crop": 32, "flow_stack": 2}
    spec = find(config.Protocol, protocol).model_validate(keys | {stream: training})
    part = spec.trained(stream, "set")
    step = _Step(moved(build_model(part, 5, 0.5)), part, COMPUTE)
    raw = [torch.zeros(2, 5, 32, 32, n, dtype=torch.uint8, device=DEVICE) for n in part.channels]
    loss, _ = step(raw, torch.zeros(2, dtype=torch.long, device=DEVICE))
    loss.backward()


class LeftBehind(nn.Module):
    """A convolution by a filter that does not move with the network."""

    kernel = torch.ones(3, 3, 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(x, self.kernel)


def cases() -> dict[str, Callable[[], None]]:
    found = {f"sr/{name}": partial(sr_case, name) for name in SMALL}
    found["sr/vsr_duf, learned"] = partial(sr_case, "vsr_duf", learned_expansion=True)
    found |= {f"loss/{name}": partial(loss_case, name) for name in LOSSES}
    found["features/vgg19"] = lambda: moved(VGG19())(images(1, 3, 32, 32)).sum().backward()
    found |= {f"flow/{name}": partial(flow_case, name) for name in NETWORKS}
    small = {"depths": [2, 2, 2, 2], "width": 8}
    recognisers = {
        "tsn": {"bn_inception": {"width": 0.125}, "efficientnet_lite0": {}},
        "st_resnet": {
            "resnet50": small,
            "resnet50, caffe": small | {"caffe": True},
            "efficientnet_lite0": {},
        },
    }
    for protocol, networks in recognisers.items():
        for name, args in networks.items():
            for stream in ("spatial", "temporal", "joint")[: 2 if protocol == "tsn" else 3]:
                about = (protocol, name.split(",")[0], args, stream)
                found[f"{protocol}/{name}/{stream}"] = partial(recogniser_case, *about)
    found["broken/left_behind"] = lambda: moved(LeftBehind())(images(1, 3, 8, 8))
    found["broken/reads_a_value"] = lambda: images(1).item()
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    _setup_privateuseone_for_python_backend(NAME)
    torch.autocast = lambda *_, **__: contextlib.nullcontext()  # it does not know the device
    nn.Module.to = moved
    results = {}
    for name, case in cases().items():
        try:
            with FakeTensorMode(allow_non_fake_inputs=True), OneDevice():
                case()
            results[name] = None
        except Exception as error:
            results[name] = f"{type(error).__name__}: {str(error)[:300]}"
    print(json.dumps(results))


if __name__ == "__main__":
    main()
