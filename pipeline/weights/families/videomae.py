"""VideoMAE as published, whose names in our network begin with ``model.``.

The releases call the biases of queries and values ``q_bias`` and ``v_bias``, and ``transformers`` 5
``query.bias`` and ``value.bias``. Those of pre-training have a decoder, and neither a classifier nor the
normalisation before it.
"""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.weights.formats import Source

BIASES = {".attention.q_bias": ".attention.query.bias", ".attention.v_bias": ".attention.value.bias"}
DECODER = ("decoder.", "encoder_to_decoder.", "mask_token", "position_embeddings")


def published(source: Source, network: nn.Module) -> dict[str, Tensor] | None:
    """Our names; of pre-training without the decoder, and with the network's own new normalisation."""
    if not any(key.startswith("videomae.") for key in source.state):
        return None
    state = {}
    pretrained = any(key.startswith(DECODER) for key in source.state)
    for key, value in source.state.items():
        if pretrained and key.startswith(DECODER):
            continue
        for old, new in BIASES.items():
            key = key.removesuffix(old) + new if key.endswith(old) else key
        state[f"model.{key}"] = value
    if pretrained:
        state |= {k: v for k, v in network.state_dict().items() if k.startswith("model.fc_norm.")}
    return state
