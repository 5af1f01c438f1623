# Scores of all rows -> Table 4.


rule aggregate:
    input:
        scores=[
            f"{OUT}/recognition/{dataset}/{recognizer}/scores/{method}/{shard}.npz"
            for dataset in CONFIG.datasets
            for recognizer in RECOGNIZERS
            for method in METHODS
            for shard in shards(dataset, "test")
            if scored_streams(recognizer, method)
        ],
    output:
        csv=f"{OUT}/table4.csv",
        markdown=f"{OUT}/table4.md",
    log:
        f"{OUT}/logs/aggregate.log",
    conda:
        ENVIRONMENT
    params:
        methods=json.dumps({n: m.model_dump(mode="json") for n, m in METHODS.items()}),
        datasets=json.dumps(
            {
                n: json.loads(as_json(d, "label", "published"))
                for n, d in CONFIG.datasets.items()
            }
        ),
        recognizers=json.dumps(
            {
                n: json.loads(as_json(r, "label", "protocol", "fusion"))
                for n, r in RECOGNIZERS.items()
            }
        ),
        report=as_json(CONFIG.report),
        code=fingerprint("pipeline.report.aggregate"),
    shell:
        "python -m pipeline aggregate --scores {input.scores:q} --methods {params.methods:q}"
        " --datasets {params.datasets:q} --recognizers {params.recognizers:q} --report {params.report:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"
