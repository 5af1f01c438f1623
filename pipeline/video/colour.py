"""Constants of colour: luma's weights, and the statistics of ImageNet that networks were trained with."""

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Weights of R, G and B in luma of BT.601 in studio range, as MATLAB's rgb2ycbcr has it."""
LUMA_OFFSET = 16 / 255
"""Luma of black, where white RGB is 1."""

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_DEVIATION = (58.395, 57.12, 57.375)
"""ImageNet's mean and deviation of RGB in 0 to 255, which torchvision's weights were trained with."""
