# Super-resolved frames and their flow against HR's.


rule measure_quality:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        plan=f"{OUT}/recognition/{{dataset}}/plan.json",
        frames=lambda w: FILES.frames(w.dataset, w.model, "test", w.shard),
        hr=lambda w: FILES.frames(w.dataset, "hr", "test", w.shard),
        flow=f"{OUT}/flow/{{dataset}}/{{model}}/test-{{shard}}.h5",
        hr_flow=f"{OUT}/flow/{{dataset}}/hr/test-{{shard}}.h5",
    output:
        f"{OUT}/quality/{{dataset}}/{{model}}/{{shard}}.csv",
    log:
        f"{OUT}/logs/measure_quality/{{dataset}}-{{model}}-{{shard}}.log",
    benchmark:
        f"{OUT}/benchmarks/measure_quality/{{dataset}}-{{model}}-{{shard}}.tsv"
    wildcard_constraints:
        model=one_of([*MODELS, *ROWS.imported]),
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.measure_quality),
        code=fingerprint("pipeline.quality.measure"),
    shell:
        "python -m pipeline measure-quality --request {params.request:q}"
        " --manifest {input.manifest:q} --plan {input.plan:q} --frames {input.frames:q} --hr {input.hr:q}"
        " --flow {input.flow:q} --hr-flow {input.hr_flow:q} --out {output:q} 2> {log:q}"
