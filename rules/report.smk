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


rule draw_comparison:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        plan=f"{OUT}/recognition/{{dataset}}/plan.json",
        frames=lambda w: [
            frames_of(w.dataset, source_of(m, "spatial"), "test", 0) for m in PICTURED
        ],
        flow=lambda w: [
            f"{OUT}/flow/{w.dataset}/{source_of(m, 'temporal')}/test-0.h5"
            for m in PICTURED
        ],
    output:
        f"{OUT}/figures/{{dataset}}.png",
    log:
        f"{OUT}/logs/draw_comparison/{{dataset}}.log",
    conda:
        ENVIRONMENT
    params:
        labels=json.dumps([METHODS[m].label or m for m in PICTURED]),
        bound=CONFIG.flow.bound,
        code=fingerprint("pipeline.report.picture"),
    shell:
        "python -m pipeline draw-comparison --manifest {input.manifest:q} --plan {input.plan:q} --shard 0"
        " --frames {input.frames:q} --flow {input.flow:q} --labels {params.labels:q}"
        " --bound {params.bound} --out {output:q} 2> {log:q}"


rule figures:
    input:
        expand(f"{OUT}/figures/{{dataset}}.png", dataset=CONFIG.datasets),
