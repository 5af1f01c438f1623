# The tables beside Table 4.


def datasets(table, *keys):
    """The data sets that a table is made for, as text for one argument."""
    return as_map({n: CONFIG.datasets[n] for n in ROWS.datasets_of(table)}, *keys)


def recognizers(table, *keys):
    """The recognisers that a table is made for, as text for one argument."""
    return as_map({n: RECOGNIZERS[n] for n in ROWS.recognizers_of(table)}, *keys)


def table_scores(table, rows):
    """Score files of a table's rows."""
    return FILES.scores(rows, ROWS.datasets_of(table), ROWS.recognizers_of(table))


rule compare_rows:
    input:
        scores=FILES.scores(METHODS, CONFIG.datasets, RECOGNIZERS),
    output:
        csv=f"{OUT}/tables/significance.csv",
        markdown=f"{OUT}/tables/significance.md",
    log:
        f"{OUT}/logs/compare_rows/significance.log",
    conda:
        ENVIRONMENT
    params:
        methods=as_map(METHODS),
        datasets=as_map(CONFIG.datasets, "label"),
        recognizers=as_map(RECOGNIZERS, *LABEL_KEYS),
        report=as_json(CONFIG.report, "confidence", "resamples", "caption"),
        seed=CONFIG.seed,
        code=fingerprint("pipeline.report.significance"),
    shell:
        "python -m pipeline compare-rows --scores {input.scores:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --recognizers {params.recognizers:q} --report {params.report:q}"
        " --seed {params.seed} --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"


rule tabulate_classes:
    input:
        scores=lambda w: table_scores(
            TABLES.table1, ROWS.with_parts(TABLES.table1.rows)
        ),
    output:
        csv=f"{OUT}/tables/{{table}}.csv",
        markdown=f"{OUT}/tables/{{table}}.md",
    log:
        f"{OUT}/logs/tabulate_classes/{{table}}.log",
    wildcard_constraints:
        table=one_of(["table1"] * bool(TABLES.table1)),
    conda:
        ENVIRONMENT
    params:
        methods=lambda w: as_map(ROWS.with_parts(TABLES.table1.rows)),
        datasets=lambda w: datasets(TABLES.table1, "label"),
        recognizers=lambda w: recognizers(TABLES.table1, *LABEL_KEYS),
        table=lambda w: as_json(TABLES.table1, "rows", "shown"),
        report=as_json(CONFIG.report, "baseline", "caption"),
        code=fingerprint("pipeline.report.classes"),
    shell:
        "python -m pipeline tabulate-classes --scores {input.scores:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --recognizers {params.recognizers:q} --table {params.table:q}"
        " --report {params.report:q} --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"


rule tabulate_ablation:
    input:
        scores=lambda w: table_scores(
            ROWS.ablations[w.table], ROWS.ablation_rows(w.table)
        ),
    output:
        csv=f"{OUT}/tables/{{table}}.csv",
        markdown=f"{OUT}/tables/{{table}}.md",
    log:
        f"{OUT}/logs/tabulate_ablation/{{table}}.log",
    wildcard_constraints:
        table=one_of(ROWS.ablations),
    conda:
        ENVIRONMENT
    params:
        name="{table}",
        methods=lambda w: as_map(ROWS.ablation_rows(w.table), "model"),
        datasets=lambda w: datasets(ROWS.ablations[w.table], "label", "published"),
        recognizers=lambda w: recognizers(ROWS.ablations[w.table], "label", "protocol"),
        table=lambda w: as_json(ROWS.ablations[w.table], "stream", "rows"),
        report=as_json(CONFIG.report, "confidence", "caption"),
        code=fingerprint("pipeline.report.ablation"),
    shell:
        "python -m pipeline tabulate-ablation --name {params.name} --scores {input.scores:q}"
        " --methods {params.methods:q} --datasets {params.datasets:q} --recognizers {params.recognizers:q}"
        " --table {params.table:q} --report {params.report:q} --csv {output.csv:q}"
        " --markdown {output.markdown:q} 2> {log:q}"


rule tabulate_pairings:
    input:
        scores=table_scores(TABLES.pairings, METHODS),
        pairs=FILES.pair_scores(
            ROWS.datasets_of(TABLES.pairings), ROWS.recognizers_of(TABLES.pairings)
        ),
    output:
        csv=f"{OUT}/tables/pairings.csv",
        markdown=f"{OUT}/tables/pairings.md",
    log:
        f"{OUT}/logs/tabulate_pairings/pairings.log",
    conda:
        ENVIRONMENT
    params:
        methods=as_map(METHODS | ROWS.pairs),
        datasets=datasets(TABLES.pairings, "label"),
        recognizers=recognizers(TABLES.pairings, *LABEL_KEYS),
        report=as_json(CONFIG.report, "confidence", "caption"),
        code=fingerprint("pipeline.report.pairings"),
    shell:
        "python -m pipeline tabulate-pairings --scores {input.scores:q} {input.pairs:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --recognizers {params.recognizers:q} --report {params.report:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"


rule tabulate_mixtures:
    input:
        scores=FILES.mixture_scores(),
    output:
        csv=f"{OUT}/tables/{{table}}.csv",
        markdown=f"{OUT}/tables/{{table}}.md",
        figure=f"{OUT}/tables/{{table}}.png",
    log:
        f"{OUT}/logs/tabulate_mixtures/{{table}}.log",
    wildcard_constraints:
        table=one_of(["figure8"] * bool(TABLES.figure8)),
    conda:
        ENVIRONMENT
    params:
        methods=lambda w: as_map(ROWS.with_parts(TABLES.figure8.rows)),
        datasets=lambda w: datasets(TABLES.figure8, "label"),
        recognizers=lambda w: recognizers(TABLES.figure8, *LABEL_KEYS),
        trained=lambda w: json.dumps(ROWS.trained_mixtures(TABLES.figure8)),
        table=lambda w: as_json(TABLES.figure8, "ratios", "rows"),
        report=as_json(CONFIG.report, "confidence", "caption"),
        code=fingerprint("pipeline.report.mixtures"),
    shell:
        "python -m pipeline tabulate-mixtures --scores {input.scores:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --recognizers {params.recognizers:q} --trained {params.trained:q}"
        " --table {params.table:q} --report {params.report:q} --csv {output.csv:q}"
        " --markdown {output.markdown:q} --figure {output.figure:q} 2> {log:q}"


rule tabulate_quality:
    input:
        measured=FILES.quality(),
    output:
        csv=f"{OUT}/tables/quality.csv",
        markdown=f"{OUT}/tables/quality.md",
    log:
        f"{OUT}/logs/tabulate_quality/quality.log",
    conda:
        ENVIRONMENT
    params:
        methods=as_map(ROWS.measured),
        datasets=datasets(CONFIG.quality, "label"),
        quality=as_json(CONFIG.quality, "channel", "border"),
        report=as_json(CONFIG.report, "caption"),
        code=fingerprint("pipeline.report.quality"),
    shell:
        "python -m pipeline tabulate-quality --measured {input.measured:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --quality {params.quality:q} --report {params.report:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"


rule tables:
    input:
        f"{OUT}/table4.csv",
        expand(
            f"{OUT}/tables/{{table}}.csv",
            table=[
                *[
                    n
                    for n in ("table1", "table2", "table3", "figure8")
                    if getattr(TABLES, n)
                ],
                *["pairings", "quality", "significance"],
            ],
        ),
