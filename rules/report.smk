# Scores of all rows -> Table 4, and pictures of it.


rule aggregate:
    input:
        scores=FILES.scores(CONFIG.methods, CONFIG.datasets, RECOGNIZERS),
        manifests=expand(
            f"{OUT}/data/{{dataset}}/manifest.csv", dataset=CONFIG.datasets
        ),
        left_out=expand(f"{OUT}/data/{{dataset}}/left_out.csv", dataset=CONFIG.datasets),
    output:
        csv=report(
            f"{OUT}/table4.csv",
            caption="captions/table4.rst",
            category="Table 4",
            labels={"part": "accuracy"},
        ),
        markdown=f"{OUT}/table4.md",
    log:
        f"{OUT}/logs/aggregate.log",
    conda:
        ENVIRONMENT
    params:
        request=EXPERIMENT.requests.aggregate().text(),
        # Not an input: every run adds an entry, which does not change the table.
        provenance=f"{OUT}/provenance.json",
        code=fingerprint("pipeline.report.aggregate"),
    shell:
        "python -m pipeline aggregate --request {params.request:q} --scores {input.scores:q}"
        " --manifests {input.manifests:q} --left-out {input.left_out:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} --provenance {params.provenance:q} 2> {log:q}"


rule draw_comparison:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        plan=f"{OUT}/recognition/{{dataset}}/plan.json",
        frames=lambda w: [
            FILES.frames(w.dataset, ROWS.source(row, "spatial"), "test", 0)
            for row in ROWS.pictured_of(w.dataset)
        ],
        flow=lambda w: [
            FILES.flow(w.dataset, ROWS.source(row, "temporal"), "test", 0)
            for row in ROWS.pictured_of(w.dataset)
        ],
    output:
        report(
            f"{OUT}/figures/{{dataset}}.png",
            caption="captions/comparison.rst",
            category="Frames and flow",
            labels={"data set": "{dataset}"},
        ),
    log:
        f"{OUT}/logs/draw_comparison/{{dataset}}.log",
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.draw_comparison),
        code=fingerprint("pipeline.report.picture"),
    shell:
        "python -m pipeline draw-comparison --request {params.request:q} --manifest {input.manifest:q}"
        " --plan {input.plan:q} --frames {input.frames:q} --flow {input.flow:q} --out {output:q} 2> {log:q}"


rule figures:
    input:
        expand(
            f"{OUT}/figures/{{dataset}}.png",
            dataset=filter(ROWS.pictured_of, CONFIG.datasets),
        ),
