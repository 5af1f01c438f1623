"""The paper's tables: accuracy in percent, top-1 for TSN and ST-ResNet as its authors report them."""

from __future__ import annotations

STREAMS = ("spatial", "temporal", "fusion")
"""The paper's columns for a recogniser."""

_COLUMNS = [(dataset, protocol) for dataset in ("HMDB51", "UCF101") for protocol in ("tsn", "st_resnet")]

_ROWS = """
Bicubic    | 42.81 56.54 63.53 | 43.59 53.76 59.48 | 71.25 81.08 87.87 | 72.01 78.28 84.62
VDSR       | 46.6  55.1  63.59 | 49.18 54.44 60.2  | 67.09 79.81 86.84 | 72.27 79.43 84.48
RCAN       | 48.76 56.8  66.21 | 51.76 55.72 62.61 | 67.18 82.12 88    | 72.23 80.52 85.01
SRGAN      | 48.82 49.87 63.01 | 51.41 47.22 60.85 | 81.33 75.45 87.55 | 83.31 70.16 86.97
ESRGAN     | 52.48 51.5  63.4  | 53.79 49.72 61.83 | 82.97 75.32 87.75 | 83.81 70.64 86.62
SoSR       | 53.59 50.26 64.51 | 54.77 48.27 63.01 | 83.11 74.1  86.63 | 83.92 69.68 85.77
SPMC       | 48.95 56.41 64.31 | 53.14 53.53 63.66 | 70.42 80.19 87.15 | 74.45 77.44 84.09
VSR-DUF-16 | 48.37 59.48 66.08 | 50.62 55.07 61.11 | 68.56 84.89 89.36 | 72.11 80.06 83.9
VSR-DUF-52 | 48.5  60.52 66.86 | 52.84 57.61 65.23 | 70.54 85.09 89.85 | 74.49 80.16 84.88
ToSR       | 47.45 61.5  66.08 | 51.54 58.92 64.77 | 64.79 85.29 88.46 | 70.88 81.07 83.82
SoSR+ToSR  | /     /     68.3  | /     /     67.32 | /     /     92.13 | /     /     90.19
HR         | 54.58 62.16 69.28 | 56.01 59.41 68.1  | 86.02 87.63 93.49 | 88.01 85.71 92.94
"""


def published_accuracy() -> dict[tuple[str, str | None, str, str], float]:
    """Accuracy in percent by (method label, data set, protocol, stream), if the paper gives one."""
    table: dict[tuple[str, str | None, str, str], float] = {}
    for line in _ROWS.strip().splitlines():
        method, *cells = (part.strip() for part in line.split("|"))
        for (dataset, protocol), cell in zip(_COLUMNS, cells, strict=True):
            for stream, value in zip(STREAMS, cell.split(), strict=True):
                if value != "/":
                    table[method, dataset, protocol, stream] = float(value)
    return table


_ABLATIONS = {
    "table2": {
        "VDSR + MSE": 46.6,
        "VDSR + WMSE": 47.91,
        "VDSR + WMSE + feature": 50.39,
        "ESRGAN + WMSE + feature + GAN": 52.55,
    },
    "table3": {"VDSR": 55.1, "VDSR + warp": 58.76, "VSR-DUF-16": 59.48, "VSR-DUF-16 + warp": 61.5},
}


def published_ablation(table: str) -> dict[tuple[str, str | None, str], float]:
    """Accuracy in percent of Table 2 or 3 by (label of the row, data set, protocol): TSN on HMDB51.

    Empty for another table.
    """
    return {(label, "HMDB51", "tsn"): value for label, value in _ABLATIONS.get(table, {}).items()}
