"""The typed configuration: every key, its default, its unit and its check.

Defaults are the paper's (or its authors') values; ``config.yaml`` overrides them for the demo.
Each rule hands its stage one of the models below as JSON, so a stage cannot read a key that is not
in its rule's ``params`` (docs/decisions/0001-params-and-fingerprints.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCALE = 4
"""The super-resolution factor of the whole paper."""


class Section(BaseModel):
    """Base of all sections: unknown keys and silent conversions are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
Pair = Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Stream = Literal["spatial", "temporal"]


class Demo(Section):
    """The generated data sets that stand in for CDVL, UCF101 and HMDB51."""

    height: PositiveInt = Field(72, description="height of the action clips in pixels")
    frames: PositiveInt = Field(10, description="frames of an action clip")
    train_clips: PositiveInt = Field(40, description="training clips per class")
    test_clips: PositiveInt = Field(40, description="test clips per class")
    videos: PositiveInt = Field(16, description="natural-like training videos")
    video_frames: PositiveInt = Field(40, description="frames of a training video")


class Shards(Section):
    """Into how many jobs the clips of a split are divided; shards balance frames."""

    train: PositiveInt = Field(1, description="shards of the training split")
    test: PositiveInt = Field(1, description="shards of the test split")


class Dataset(Section):
    """An action data set with official train and test lists."""

    label: str = Field("", description="name in tables and figures; empty: its key")
    layout: Literal["ucf101", "hmdb51"] = Field(description="layout of folders and split lists")
    root: Path | None = Field(None, description="folder of the class folders; null: the demo's")
    splits: Path | None = Field(None, description="folder of the split lists; null: the demo's")
    split: Literal[1, 2, 3] = Field(1, description="official split; the paper uses 1")
    classes: list[str] | None = Field(None, description="subset of classes; null: all")
    shards: Shards = Field(default_factory=Shards, description="jobs per split")
    published: Literal["UCF101", "HMDB51"] | None = Field(
        None, description="whose published Table 4 stands beside ours; null: none"
    )


class TrainingVideos(Section):
    """The natural videos that SR networks are trained on (CDVL-134 in the paper)."""

    root: Path | None = Field(None, description="folder of videos; null: the demo's")
    size: Pair = Field(
        [320, 240],
        description="width and height in pixels whose area each video is resized to, keeping its aspect",
    )
    max_frames: PositiveInt | None = Field(None, description="read at most so many; null: all")
    shards: PositiveInt = Field(1, description="jobs the videos are divided into")


class TVL1(Section):
    """TV-L1 optical flow (Zach, Pock, Bischof 2007); defaults are OpenCV's CPU schedule."""

    tau: PositiveFloat = Field(0.25, description="time step of the dual ascent")
    lambda_: PositiveFloat = Field(0.15, description="weight of the data term")
    theta: PositiveFloat = Field(0.3, description="tightness of the coupling")
    scales: PositiveInt = Field(5, description="levels of the pyramid")
    scale_step: Annotated[float, Field(gt=0, lt=1)] = Field(0.8, description="ratio of two levels")
    warps: PositiveInt = Field(5, description="warps per level")
    epsilon: NonNegativeFloat = Field(0.01, description="stopping threshold; 0: never early")
    inner_iterations: PositiveInt = Field(30, description="iterations between two medians")
    outer_iterations: PositiveInt = Field(10, description="rounds of inner iterations per warp")
    median: Literal[1, 3, 5] = Field(5, description="median filter width in pixels; 1: none")


class FlowNet2(Section):
    """FlowNet2 (Ilg et al. 2017)."""

    weights: Path | None = Field(None, description="published checkpoint (a state dict)")


class Flow(Section):
    """Optical flow of the recognisers' input (TV-L1) and of the training patches."""

    tvl1: TVL1 = Field(default_factory=TVL1, description="TV-L1's schedule")
    flownet2: FlowNet2 = Field(default_factory=FlowNet2, description="FlowNet2's weights")
    bound: PositiveFloat = Field(20.0, description="flow is clipped to +-bound pixels, then 8 bits")


class Patches(Section):
    """Top-motion training patches (section 4.1; authors' code)."""

    size: PositiveInt = Field(128, description="side of an HR patch in pixels, a multiple of 4")
    frames_per_video: PositiveInt = Field(120, description="frames drawn from each video")
    crops: PositiveInt = Field(10, description="crops kept per frame, those with most motion")
    grid: Pair = Field([40, 30], description="stride of candidate crops in x and y")
    border: Annotated[int, Field(ge=0)] = Field(
        10, description="pixels at a crop's border left out of motion score and warp check"
    )
    margin: Annotated[int, Field(ge=0)] = Field(5, description="frames at a video's ends that are not drawn")
    neighbours: PositiveInt = Field(7, description="LR frames around each HR frame, odd")
    pair_gap: Literal[1, 2] = Field(1, description="frames between a pair (authors' code: 2)")
    warp_check: bool = Field(True, description="keep a pair only if warping raises its PSNR")
    spatial_flow: Literal["flownet2", "tvl1"] = Field(
        "flownet2", description="flow of the weight maps (paper: FlowNet2; TV-L1 slightly worse)"
    )
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.07, description="last part of each video, kept for validation"
    )

    @model_validator(mode="after")
    def _check(self) -> Patches:
        if self.size % SCALE:
            raise ValueError(f"size is {self.size}, but must be a multiple of {SCALE}")
        if self.neighbours % 2 == 0:
            raise ValueError(f"neighbours is {self.neighbours}, but must be odd")
        if 2 * self.border >= self.size:
            raise ValueError(f"border {self.border} leaves nothing of a patch of {self.size}")
        return self


class PixelLoss(Section):
    """A pixel term, weighted by the flow of the HR frame where asked (section 3.1.2, L_wmse)."""

    kind: Literal["mse", "l1", "huber"] = Field("mse", description="penalty of a difference")
    weight: PositiveFloat = Field(1.0, description="factor of the term")
    delta: PositiveFloat = Field(0.01, description="Huber's threshold, in units of [0, 1] images")
    flow_weight: Literal["none", "magnitude", "squared_magnitude"] = Field(
        "none", description="per-pixel weight: 1, |flow| or |flow|^2"
    )
    normalise: Literal["none", "mean"] = Field(
        "none", description="mean: weights of a patch are divided by their mean"
    )


class FeatureLoss(Section):
    """L1 distance of deep features (ESRGAN's perceptual loss: VGG19 conv5_4 before activation)."""

    weight: PositiveFloat = Field(1.0, description="factor of the term")
    kind: Literal["l1", "mse"] = Field("l1", description="distance (SRGAN: mse)")


class AdversarialLoss(Section):
    """A discriminator's term and its own training."""

    kind: Literal["relativistic", "standard"] = Field(
        "relativistic", description="relativistic average GAN (ESRGAN) or the standard one (SRGAN)"
    )
    weight: PositiveFloat = Field(5e-3, description="factor of the term")
    discriminator: str = Field("vgg128", description="network of superres/networks")
    args: dict[str, Any] = Field(default_factory=dict, description="its constructor's arguments")
    lr: PositiveFloat = Field(1e-4, description="its learning rate")


class WarpLoss(Section):
    """ToSR's temporal terms a*d(SR_t, W(SR_t+1)) + b*d(HR_t, W(SR_t+1)) (section 3.2.2)."""

    sr: NonNegativeFloat = Field(1.0, description="a: warped SR_t+1 against SR_t")
    hr: NonNegativeFloat = Field(1.0, description="b: warped SR_t+1 against HR_t")


class Losses(Section):
    """The sum that a network is trained on."""

    pixel: PixelLoss | None = Field(default_factory=PixelLoss, description="pixel term")
    feature: FeatureLoss | None = Field(None, description="feature term")
    adversarial: AdversarialLoss | None = Field(None, description="adversarial term")
    warp: WarpLoss | None = Field(None, description="siamese pair and its warp terms")


class SRTraining(Section):
    """How an SR network is trained."""

    iterations: PositiveInt = Field(400_000, description="optimiser steps")
    batch_size: PositiveInt = Field(16, description="patches (or pairs) a step")
    lr: PositiveFloat = Field(1e-4, description="Adam's learning rate")
    betas: list[Fraction] = Field([0.9, 0.99], min_length=2, max_length=2, description="Adam's")
    milestones: list[PositiveInt] = Field(
        default_factory=list, description="steps after which the rate is multiplied by gamma"
    )
    gamma: PositiveFloat = Field(0.5, description="factor at each milestone")
    clip_gradient: PositiveFloat | None = Field(None, description="largest gradient norm")
    crop: PositiveInt | None = Field(
        None, description="side of a random HR crop of each patch, multiple of 4; null: all of it"
    )
    patches: Literal["sosr", "tosr"] = Field(
        "sosr", description="single frames with flow, or pairs with 7-frame neighbourhoods"
    )
    losses: Losses = Field(default_factory=Losses, description="what is minimised")
    validate_every: PositiveInt = Field(5000, description="steps between validations")
    checkpoint_every: PositiveInt = Field(5000, description="steps between resumable checkpoints")


class SRModel(Section):
    """An SR network with its weights: given, or trained here."""

    network: str = Field(description="file in superres/networks, or package.module:Class")
    args: dict[str, Any] = Field(default_factory=dict, description="the constructor's arguments")
    weights: Path | None = Field(None, description="checkpoint; null: train")
    init: Name | None = Field(None, description="model whose generator the training starts from")
    training: SRTraining | None = Field(None, description="recipe; null: weights, or no parameters")

    @model_validator(mode="after")
    def _check(self) -> SRModel:
        if self.weights and self.training:
            raise ValueError("give either weights or training, not both")
        if self.init and not self.training:
            raise ValueError("init is only of use together with training")
        return self


class FeatureNetwork(Section):
    """The network behind the feature loss."""

    network: Literal["vgg19", "random_features"] = Field(
        "vgg19", description="VGG19, or fixed random filters (the demo's substitute)"
    )
    weights: Path | None = Field(None, description="VGG19's weights in torchvision's layout")


class SuperRes(Section):
    """All SR models by name."""

    models: dict[Name, SRModel] = Field(description="SR models")
    feature_network: FeatureNetwork = Field(
        default_factory=FeatureNetwork, description="network of every feature loss"
    )
    batch_pixels: PositiveInt = Field(
        2_000_000, description="HR pixels super-resolved at once: bounds memory"
    )


class StreamTraining(Section):
    """How one stream (or the joint network) of a recogniser is trained, with SGD."""

    iterations: PositiveInt = Field(description="optimiser steps")
    batch_size: PositiveInt = Field(128, description="clips a step")
    lr: PositiveFloat = Field(1e-3, description="learning rate")
    milestones: list[PositiveInt] = Field(default_factory=list, description="steps of the drops")
    gamma: PositiveFloat = Field(0.1, description="factor at each milestone")
    momentum: Fraction = Field(0.9, description="SGD's momentum")
    weight_decay: NonNegativeFloat = Field(5e-4, description="SGD's weight decay")
    clip_gradient: PositiveFloat | None = Field(None, description="largest gradient norm")
    dropout: Fraction = Field(0.5, description="dropout before the classifier")
    partial_bn: bool = Field(False, description="only the first batch normalisation trains")


class DatasetTraining(StreamTraining):
    """A stream's training, with what differs for single data sets."""

    per_dataset: dict[Name, dict[str, Any]] = Field(
        default_factory=dict, description="keys of this section that differ for a data set"
    )

    def for_dataset(self, dataset: str) -> StreamTraining:
        """The training of one data set, its own keys laid over the common ones."""
        common = self.model_dump(exclude={"per_dataset"})
        return StreamTraining.model_validate(common | self.per_dataset.get(dataset, {}))

    @model_validator(mode="after")
    def _check(self) -> DatasetTraining:
        for dataset in self.per_dataset:
            self.for_dataset(dataset)
        return self


class RecognizerBase(Section):
    """What both protocols share."""

    label: str = Field("", description="name in tables; empty: its key")
    args: dict[str, Any] = Field(default_factory=dict, description="the backbone's arguments")
    initial_weights: str | None = Field(
        None,
        description="ImageNet weights that training starts from: a path, or package:module/file",
    )
    crop: PositiveInt = Field(224, description="side of the network's input in pixels")


class TSN(RecognizerBase):
    """Temporal segment network (Wang et al. 2016): late fusion of two streams."""

    protocol: Literal["tsn"] = Field("tsn", description="protocol")
    network: str = Field("bn_inception", description="backbone, a file in recognition/networks")
    flow_stack: PositiveInt = Field(5, description="consecutive flow fields per snippet")
    train_snippets: PositiveInt = Field(3, description="segments per clip in training")
    test_snippets: PositiveInt = Field(25, description="snippets per clip at test")
    test_crops: Literal[1, 2, 5, 10] = Field(
        10, description="1 centre, 2 with its mirror image, 5 with corners, 10 with all mirrored"
    )
    fusion: list[NonNegativeFloat] = Field(
        [1.0, 1.5], min_length=2, max_length=2, description="weights spatial, temporal"
    )
    weights: dict[Stream, Path] = Field(default_factory=dict, description="published streams")
    spatial: DatasetTraining | None = Field(None, description="training of the spatial stream")
    temporal: DatasetTraining | None = Field(None, description="training of the temporal stream")


class STResNet(RecognizerBase):
    """Spatio-temporal residual network (Feichtenhofer et al. 2016): a joint network fuses."""

    protocol: Literal["st_resnet"] = Field("st_resnet", description="protocol")
    network: str = Field("resnet50", description="backbone, a file in recognition/networks")
    flow_stack: PositiveInt = Field(10, description="flow fields around each frame")
    train_frames: PositiveInt = Field(5, description="frames per clip in joint training")
    test_frames: PositiveInt = Field(25, description="frames per clip at test")
    weights: dict[Literal["spatial", "temporal", "joint"], Path] = Field(
        default_factory=dict, description="published networks"
    )
    spatial: DatasetTraining | None = Field(None, description="training of the appearance stream")
    temporal: DatasetTraining | None = Field(None, description="training of the motion stream")
    joint: DatasetTraining | None = Field(None, description="training of the joint network")


Recognizer = Annotated[TSN | STResNet, Field(discriminator="protocol")]


class Recognition(Section):
    """The recognisers, trained on HR clips of the training split only."""

    frame_size: Pair = Field(
        [340, 256],
        description="width and height that frames are resized to before flow and recognition",
    )
    recognizers: dict[Name, Recognizer] = Field(description="recognisers by name")


class Method(Section):
    """A row of Table 4: one model for both streams, or a pairing of two rows."""

    label: str = Field("", description="name in tables and figures; empty: its key")
    model: Name | Literal["hr"] | None = Field(None, description="SR model, or hr: no SR")
    spatial: Name | None = Field(None, description="row that serves the spatial stream")
    temporal: Name | None = Field(None, description="row that serves the temporal stream")

    @model_validator(mode="after")
    def _check(self) -> Method:
        if (self.model is None) == (self.spatial is None or self.temporal is None):
            raise ValueError("give either model, or both spatial and temporal")
        return self


class Report(Section):
    """The table."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95, description="level of the binomial (Wilson) intervals"
    )
    pictured: list[Name] = Field(
        ["bicubic", "sosr", "tosr", "hr"], description="rows of the figures, HR last", min_length=1
    )
    caption: str = Field("", description="sentence that labels the results, as under demo data")


class Compute(Section):
    """Where tensors live. Results are the same for any number of cores, not for any threads."""

    device: Literal["cpu", "cuda"] = Field("cpu", description="device of training and inference")
    threads: PositiveInt = Field(1, description="CPU threads of each torch job")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the forward pass (autocast); weights stay float32"
    )


class Config(Section):
    """The whole configuration."""

    seed: Annotated[int, Field(ge=0)] = Field(0, description="the one seed of all stages")
    output: Path = Field(Path("results"), description="folder that everything is written to")
    data_root: Path | None = Field(None, description="folder that relative data paths start from")
    demo: Demo | None = Field(None, description="generated data sets; null: real ones")
    training_videos: TrainingVideos = Field(
        default_factory=TrainingVideos, description="videos that SR networks learn from"
    )
    datasets: dict[Name, Dataset] = Field(description="action data sets", min_length=1)
    flow: Flow = Field(default_factory=Flow, description="optical flow")
    patches: Patches = Field(default_factory=Patches, description="training patches")
    superres: SuperRes = Field(description="super-resolution")
    recognition: Recognition = Field(description="recognition")
    methods: dict[Name, Method] = Field(description="rows of Table 4, in order")
    report: Report = Field(default_factory=Report, description="tables")
    compute: Compute = Field(default_factory=Compute, description="device, threads, precision")
