# What recognisers train on and score: the rows of Table 4, and what the other tables need beside them.
from itertools import permutations

from pipeline.config import Method

TABLES = CONFIG.tables
ABLATIONS = {n: t for n, t in TABLES if n in ("table2", "table3") and t}
# The row of Table 4 that shows a model, the first if there are several.
SHOWN = {row.model: name for name, row in reversed(METHODS.items()) if row.model}
# Models of ablations that no row shows are scored for their tables alone, under their own names.
ABLATED = {
    row.model: Method(label=row.label, model=row.model)
    for table in ABLATIONS.values()
    for row in table.rows
    if row.model not in SHOWN
}
SCORED = METHODS | ABLATED


def chosen(table, kind, everything):
    """The data sets or recognisers that a table is made for, in the configuration's order."""
    names = getattr(table, kind)
    return {name: s for name, s in everything.items() if names is None or name in names}


def mixture(recognizer, ratio):
    """Name of a recogniser that was trained with a share of LR; without any it is the plain one."""
    return f"{recognizer}-mixed{100 * ratio:g}" if ratio else recognizer


# Figure 8's recognisers by name: whose network and recipe they have, and their share of LR.
MIXTURES = {
    mixture(recognizer, ratio): (recognizer, ratio)
    for recognizer in (
        chosen(TABLES.figure8, "recognizers", RECOGNIZERS) if TABLES.figure8 else ()
    )
    for ratio in TABLES.figure8.ratios
    if ratio
}
PAIRINGS = TABLES.pairings
PAIRED = (
    [name for name, row in METHODS.items() if row.model]
    if PAIRINGS.joint is None
    else PAIRINGS.joint
)
# Pairs that no row shows: a network that sees both streams scores them for their table alone.
PAIRS = {
    f"{spatial}+{temporal}": Method(spatial=spatial, temporal=temporal)
    for spatial, temporal in permutations(PAIRED, 2)
    if (spatial, temporal) not in [(m.spatial, m.temporal) for m in METHODS.values()]
}
# Model whose frames stand for LR: the baseline's.
BASELINE = (
    METHODS[CONFIG.report.baseline].model if CONFIG.report.baseline in METHODS else None
)


wildcard_constraints:
    method=one_of(SCORED),
    pair=one_of(PAIRS),
    recognizer=one_of([*RECOGNIZERS, *MIXTURES]),


def source_of(method, stream):
    """Model that makes a row's frames for a stream; a pairing takes it from its two rows."""
    row = SCORED[method]
    return row.model or METHODS[getattr(row, stream)].model


def spec_of(recognizer):
    """Section of a recogniser; a mixture has its recogniser's."""
    return RECOGNIZERS[MIXTURES.get(recognizer, (recognizer,))[0]]


def scored_streams(recognizer, method):
    """A pairing's streams are scored by its two rows; only a joint network sees both of them.

    A mixture scores all streams of its few rows, and an ablation the streams of its tables.
    """
    if method in ABLATED:
        return [
            stream
            for stream in ("spatial", "temporal")
            for table in ABLATIONS.values()
            if table.stream == stream and method in [row.model for row in table.rows]
        ]
    if METHODS[method].model or recognizer in MIXTURES:
        return streams_of(recognizer)
    return ["joint"] if "joint" in streams_of(recognizer) else []


def scored_frames(w):
    """Frame store that the scored streams read, if any does."""
    if scored_streams(w.recognizer, w.method) == ["temporal"]:
        return []
    return frames_of(w.dataset, source_of(w.method, "spatial"), "test", w.shard)


def scored_flow(w):
    """Flow store that the scored streams read, if any does."""
    if scored_streams(w.recognizer, w.method) == ["spatial"]:
        return []
    return f"{OUT}/flow/{w.dataset}/{source_of(w.method, 'temporal')}/test-{w.shard}.h5"


def scores_of(methods, datasets, recognizers):
    """Score files of all shards of some rows."""
    return [
        f"{OUT}/recognition/{dataset}/{recognizer}/scores/{method}/{shard}.npz"
        for dataset in datasets
        for recognizer in recognizers
        for method in methods
        for shard in shards(dataset, "test")
        if scored_streams(recognizer, method)
    ]


def pair_scores(datasets, recognizers):
    """Score files of the pairs that no row shows, by the networks that see both streams."""
    return [
        f"{OUT}/recognition/{dataset}/{recognizer}/pairs/{pair}.npz"
        for dataset in datasets
        for recognizer in recognizers
        if "joint" in streams_of(recognizer)
        for pair in PAIRS
    ]


def with_parts(rows):
    """Rows of Table 4, and for pairings the rows of their streams."""
    parts = {
        getattr(METHODS[row], stream)
        for row in rows
        for stream in ("spatial", "temporal")
    }
    return {name: row for name, row in METHODS.items() if name in {*rows, *parts}}


def ablation_rows(table):
    """Scored rows of an ablation, in its order: rows of Table 4 where one shows the model."""
    names = [SHOWN.get(row.model, row.model) for row in ABLATIONS[table].rows]
    return {name: SCORED[name] for name in names}


def trained_mixtures(table):
    """For each recogniser of figure 8 and each ratio, the name that its scores carry."""
    return {
        recognizer: {str(ratio): mixture(recognizer, ratio) for ratio in table.ratios}
        for recognizer in chosen(table, "recognizers", RECOGNIZERS)
    }


def mixture_scores(table):
    """Score files of figure 8. Table 4's recogniser has scored the streams of pairings by their rows."""
    files = []
    for recognizer, ratios in trained_mixtures(table).items():
        for name in ratios.values():
            rows = table.rows if name in MIXTURES else with_parts(table.rows)
            files += scores_of(rows, chosen(table, "datasets", CONFIG.datasets), [name])
    return files
