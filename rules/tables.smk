# The tables beside Table 4.

SR_ROWS = {n: m for n, m in METHODS.items() if m.model not in (None, "hr")}
MEASURED = chosen(CONFIG.quality, "datasets", CONFIG.datasets)


rule compare_rows:
    input:
        scores=scores_of(METHODS, CONFIG.datasets, RECOGNIZERS),
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
        scores=lambda w: scores_of(
            with_parts(getattr(TABLES, w.table).rows),
            chosen(getattr(TABLES, w.table), "datasets", CONFIG.datasets),
            chosen(getattr(TABLES, w.table), "recognizers", RECOGNIZERS),
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
        methods=lambda w: as_map(with_parts(getattr(TABLES, w.table).rows)),
        datasets=lambda w: as_map(
            chosen(getattr(TABLES, w.table), "datasets", CONFIG.datasets), "label"
        ),
        recognizers=lambda w: as_map(
            chosen(getattr(TABLES, w.table), "recognizers", RECOGNIZERS), *LABEL_KEYS
        ),
        table=lambda w: as_json(getattr(TABLES, w.table), "rows", "shown"),
        report=as_json(CONFIG.report, "baseline", "caption"),
        code=fingerprint("pipeline.report.classes"),
    shell:
        "python -m pipeline tabulate-classes --scores {input.scores:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --recognizers {params.recognizers:q} --table {params.table:q}"
        " --report {params.report:q} --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"


rule tabulate_ablation:
    input:
        scores=lambda w: scores_of(
            ablation_rows(w.table),
            chosen(ABLATIONS[w.table], "datasets", CONFIG.datasets),
            chosen(ABLATIONS[w.table], "recognizers", RECOGNIZERS),
        ),
    output:
        csv=f"{OUT}/tables/{{table}}.csv",
        markdown=f"{OUT}/tables/{{table}}.md",
    log:
        f"{OUT}/logs/tabulate_ablation/{{table}}.log",
    wildcard_constraints:
        table=one_of(ABLATIONS),
    conda:
        ENVIRONMENT
    params:
        name="{table}",
        methods=lambda w: as_map(ablation_rows(w.table), "model"),
        datasets=lambda w: as_map(
            chosen(ABLATIONS[w.table], "datasets", CONFIG.datasets),
            "label",
            "published",
        ),
        recognizers=lambda w: as_map(
            chosen(ABLATIONS[w.table], "recognizers", RECOGNIZERS), "label", "protocol"
        ),
        table=lambda w: as_json(ABLATIONS[w.table], "stream", "rows"),
        report=as_json(CONFIG.report, "confidence", "caption"),
        code=fingerprint("pipeline.report.ablation"),
    shell:
        "python -m pipeline tabulate-ablation --name {params.name} --scores {input.scores:q}"
        " --methods {params.methods:q} --datasets {params.datasets:q} --recognizers {params.recognizers:q}"
        " --table {params.table:q} --report {params.report:q} --csv {output.csv:q}"
        " --markdown {output.markdown:q} 2> {log:q}"


rule tabulate_pairings:
    input:
        scores=scores_of(
            METHODS,
            chosen(PAIRINGS, "datasets", CONFIG.datasets),
            chosen(PAIRINGS, "recognizers", RECOGNIZERS),
        ),
        pairs=pair_scores(
            chosen(PAIRINGS, "datasets", CONFIG.datasets),
            chosen(PAIRINGS, "recognizers", RECOGNIZERS),
        ),
    output:
        csv=f"{OUT}/tables/pairings.csv",
        markdown=f"{OUT}/tables/pairings.md",
    log:
        f"{OUT}/logs/tabulate_pairings/pairings.log",
    conda:
        ENVIRONMENT
    params:
        methods=as_map(METHODS | PAIRS),
        datasets=as_map(chosen(PAIRINGS, "datasets", CONFIG.datasets), "label"),
        recognizers=as_map(chosen(PAIRINGS, "recognizers", RECOGNIZERS), *LABEL_KEYS),
        report=as_json(CONFIG.report, "confidence", "caption"),
        code=fingerprint("pipeline.report.pairings"),
    shell:
        "python -m pipeline tabulate-pairings --scores {input.scores:q} {input.pairs:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --recognizers {params.recognizers:q} --report {params.report:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"


rule tabulate_mixtures:
    input:
        scores=lambda w: mixture_scores(getattr(TABLES, w.table)),
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
        methods=lambda w: as_map(with_parts(getattr(TABLES, w.table).rows)),
        datasets=lambda w: as_map(
            chosen(getattr(TABLES, w.table), "datasets", CONFIG.datasets), "label"
        ),
        recognizers=lambda w: as_map(
            chosen(getattr(TABLES, w.table), "recognizers", RECOGNIZERS), *LABEL_KEYS
        ),
        trained=lambda w: json.dumps(trained_mixtures(getattr(TABLES, w.table))),
        table=lambda w: as_json(getattr(TABLES, w.table), "ratios", "rows"),
        report=as_json(CONFIG.report, "confidence", "caption"),
        code=fingerprint("pipeline.report.mixtures"),
    shell:
        "python -m pipeline tabulate-mixtures --scores {input.scores:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --recognizers {params.recognizers:q} --trained {params.trained:q}"
        " --table {params.table:q} --report {params.report:q} --csv {output.csv:q}"
        " --markdown {output.markdown:q} --figure {output.figure:q} 2> {log:q}"


rule tabulate_quality:
    input:
        measured=[
            f"{OUT}/quality/{dataset}/{model}/{shard}.csv"
            for dataset in MEASURED
            for model in dict.fromkeys(row.model for row in SR_ROWS.values())
            for shard in shards(dataset, "test")
        ],
    output:
        csv=f"{OUT}/tables/quality.csv",
        markdown=f"{OUT}/tables/quality.md",
    log:
        f"{OUT}/logs/tabulate_quality/quality.log",
    conda:
        ENVIRONMENT
    params:
        methods=as_map(SR_ROWS),
        datasets=as_map(MEASURED, "label"),
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
