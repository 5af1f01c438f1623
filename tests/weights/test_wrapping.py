"""Checkpoints of training programs: what is used, what is left out by name, and what must be chosen."""

import pytest
import torch
from safetensors.torch import save_file

from pipeline.cli import main
from pipeline.errors import DamagedError
from pipeline.recognition.networks import load_backbone
from pipeline.superres.networks import load_network
from pipeline.weights import WeightsError
from pipeline.weights.checkpoint import read_own
from pipeline.weights.formats import read_source
from pipeline.weights.published import load_published, notes, recognise

ARGS = {"depth": 3, "features": 2}
STATE = {key: torch.full_like(value, 1.5) for key, value in load_network("vdsr", ARGS).state_dict().items()}
OTHER = {key: value + 1 for key, value in STATE.items()}
LOSS = {"perceptual_loss.vgg.mean": torch.zeros(3), "loss.weight": torch.zeros(1)}
CRITIC = {"discriminator.conv.weight": torch.zeros(3)}
OPTIMISER = {"state": {0: {"step": torch.zeros(1), "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}


def under(prefix: str, state: dict = STATE) -> dict:
    return {prefix + key: value for key, value in state.items()}


def profiled() -> dict:
    """What thop leaves: two counters for each module."""
    counted = {f"{key.removesuffix('weight')}{c}": torch.zeros(1) for key in STATE for c in COUNTERS}
    return {**STATE, **counted, **dict.fromkeys(COUNTERS, torch.zeros(1))}


COUNTERS = ("total_ops", "total_params")


def saved(content: object, tmp_path):
    torch.save(content, tmp_path / "net.pth")
    return tmp_path / "net.pth"


def check(network: torch.nn.Module, state: dict = STATE) -> None:
    found = network.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ("content", "left_out"),
    [
        (under("_orig_mod."), []),
        ({"state_dict": under("_orig_mod.module.")}, []),
        ({"model": under("module._orig_mod.")}, []),
        ({"state_dict": under("net_g.")}, []),
        ({"state_dict": under("net_g.module._orig_mod.")}, []),
        ({"pytorch-lightning_version": "2.0", "state_dict": under("model.net.")}, []),
        ({"params-ema": STATE}, []),
        ({"ema": STATE, "step": 1}, []),
        ({"checkpoint": {"weights": STATE}, "optimizer": OPTIMISER, "lr_schedulers": [OPTIMISER]}, []),
        ([STATE], []),
        ((STATE, 7), []),
        ({"state_dict": under("generator_ema."), "epoch": 1}, []),
        (profiled(), ["total_ops (4)", "total_params (4)"]),
        (under("module.", profiled()), ["total_ops (4)", "total_params (4)"]),
        (STATE | {"n_averaged": torch.zeros(1)}, ["n_averaged"]),
        ({"state_dict": {**under("net."), **LOSS}}, ["perceptual_loss.*", "loss.*"]),
        (
            {"state_dict": {**under("generator."), **CRITIC, "step_counter": torch.zeros(1)}},
            ["discriminator.*", "step_counter"],
        ),
        (STATE | {"net_d.conv.weight": torch.zeros(3)}, ["net_d.*"]),
        (under("generator.") | {"data_preprocessor.mean": torch.zeros(3)}, ["data_preprocessor.*"]),
        (under("net_g.") | {"flow_net.conv.weight": torch.zeros(3)}, ["flow_net.*"]),
        ({"netG": STATE, "netD": {"a": torch.zeros(1)}}, ["took netG", "left out netD"]),
        ({"params_ema": STATE, "params": OTHER}, ["took params_ema", "left out params"]),
        ({"state_dict": STATE, "state_dict_ema": STATE}, ["left out state_dict_ema"]),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_wrapped_is_found_and_the_rest_named(content, left_out, zipped, tmp_path, capsys):
    path = tmp_path / "net.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    network = load_network("vdsr", ARGS)
    load_published(network, path)
    check(network)
    message = capsys.readouterr().err
    assert all(name in message for name in left_out)
    assert left_out or not message


@pytest.mark.parametrize(
    ("content", "choices"),
    [
        ({"state_dict": OTHER, "state_dict_ema": STATE}, ("state_dict", "state_dict_ema")),
        ({"g": OTHER, "g_ema": STATE, "d": {}}, ("g", "g_ema")),
        ({"model": {"state_dict": OTHER}, "model_ema": {"state_dict": STATE}}, ("model.state_dict",)),
        (
            {"state_dict": {**under("generator.", OTHER), **under("generator_ema."), **CRITIC}},
            ("state_dict.generator", "state_dict.generator_ema"),
        ),
        ({**under("module.", OTHER), **under("ema_model.module.")}, ("module", "ema_model")),
    ],
)
def test_which_of_several_is_asked_for(content, choices, tmp_path, capsys):
    path, out = saved(content, tmp_path), tmp_path / "out.safetensors"
    with pytest.raises(WeightsError, match=r"net\.pth holds 2 sets of weights.* --part NAME") as error:
        load_published(load_network("vdsr", ARGS), path)
    assert all(choice in str(error.value) for choice in choices)
    wanted = str(error.value).split("that fit: ")[1].split(";")[0].split(", ")
    arguments = ["import-weights", "--network", "vdsr", "--args", '{"depth": 3, "features": 2}']
    arguments += ["--source", str(path), "--out", str(out)]
    for part, expected in zip(wanted, (OTHER, STATE), strict=True):
        assert main([*arguments, "--part", part]) == 0
        made = read_own(out)
        assert all(torch.equal(made["state_dict"][key], expected[key]) for key in expected)
        assert made["metadata"]["source"]["part"] == part
    capsys.readouterr()
    assert main([*arguments, "--part", "nothing"]) == 1
    message = capsys.readouterr().err
    assert all(choice in message for choice in choices)


@pytest.mark.parametrize(
    ("content", "pair"),
    [
        (under("net.") | under("net_g.", OTHER), "net.input.weight and net_g.input.weight"),
        (STATE | {"module.output.weight": torch.ones(1, 2, 3, 3)}, None),
    ],
)
def test_two_tensors_of_one_parameter(content, pair, tmp_path):
    network = load_network("vdsr", ARGS)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(WeightsError, match=rf"{pair} both become" if pair else r"module\.output\.weight"):
        load_published(network, saved(content, tmp_path))
    check(network, before)


@pytest.mark.parametrize("first", [True, False])
def test_two_classifiers(first, tmp_path):
    """mmaction keeps ImageNet's classifier beside its own."""
    args = {"width": 0.125, "blocks": ["3a", "3c"]}
    network = load_backbone("bn_inception", 4, 3, 0.0, args)
    state = {f"backbone.{k}": v for k, v in network.state_dict().items() if "last_linear" not in k}
    width = network.last_linear.weight.shape[1]
    own = {"cls_head.fc_cls.weight": torch.zeros(4, width), "cls_head.fc_cls.bias": torch.zeros(4)}
    imagenet = {"backbone.fc.weight": torch.zeros(1000, width), "backbone.fc.bias": torch.zeros(1000)}
    parts = (imagenet, state, own) if first else (own, state, imagenet)
    path = saved({"state_dict": {k: v for part in parts for k, v in part.items()}}, tmp_path)
    with pytest.raises(WeightsError, match="both become last_linear") as error:
        load_published(network, path)
    assert "backbone.fc." in str(error.value)
    assert "cls_head.fc_cls." in str(error.value)
    # Initial weights are taken but for the classifier: there is nothing to choose.
    assert recognise(read_source(path), network, optional="last_linear").fits


def test_what_is_not_the_networks_is_still_refused(tmp_path):
    inside, beside = {"attention.weight": torch.zeros(1)}, {"head.bias": torch.zeros(1)}
    for content in (STATE | inside, under("module.") | beside):
        source = read_source(saved(content, tmp_path))
        found = recognise(source, load_network("vdsr", ARGS))
        extra = "attention" if "attention.weight" in content else "head"
        # Beside a whole wrapped network it is another's, and named; inside of one it is the network's own.
        assert found.fits == (extra == "head")
        assert (f"left out {extra}.*" in notes(found, load_network("vdsr", ARGS))) == found.fits


def test_arrays_of_numpy_are_said(tmp_path):
    path = saved({key: value.numpy() for key, value in STATE.items()}, tmp_path)
    with pytest.raises(WeightsError, match=r"net\.pth holds a dict .* NumPy's arrays: save torch\.from_n"):
        load_published(load_network("vdsr", ARGS), path)


def test_other_classes_and_the_other_stream_are_said(tmp_path):
    args = {"width": 0.125, "blocks": ["3a", "3c"]}
    path = saved(load_backbone("bn_inception", 400, 10, 0.0, args).state_dict(), tmp_path)
    words = "it is of 400 classes, expected 2; it is of 10 input channels"
    with pytest.raises(WeightsError, match=words) as error:
        load_published(load_backbone("bn_inception", 2, 3, 0.0, args), path)
    assert "(a network of flow), expected 3" in str(error.value)


def test_safetensors(tmp_path):
    save_file(under("net_g."), tmp_path / "net.safetensors", metadata={"format": "pt"})
    network = load_network("vdsr", ARGS)
    load_published(network, tmp_path / "net.safetensors")
    check(network)
    whole = (tmp_path / "net.safetensors").read_bytes()
    for cut in (len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.safetensors").write_bytes(whole[:cut])
        with pytest.raises(DamagedError, match=r"cut\.safetensors is damaged.*; .* get it again"):
            load_published(network, tmp_path / "cut.safetensors")


def test_precisions_are_kept_within_the_networks(tmp_path):
    for kind in (torch.float16, torch.bfloat16, torch.float64):
        network = load_network("vdsr", ARGS)
        load_published(network, saved({key: value.to(kind) for key, value in STATE.items()}, tmp_path))
        check(network)  # 1.5 is the same number in each
