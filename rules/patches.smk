# Top-motion patches for SoSR (single frames) and ToSR (pairs).


rule crop_patches:
    input:
        manifest=f"{OUT}/data/training_videos/manifest.csv",
        hr=FILES.training_store("hr"),
        lr=lambda w: FILES.training_low(w.kind),
        flow=lambda w: FILES.training_flow(w.kind),
    output:
        patches=f"{OUT}/patches/{{kind}}.h5",
        counts=f"{OUT}/patches/{{kind}}.json",
    log:
        f"{OUT}/logs/crop_patches/{{kind}}.log",
    cache: True
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.crop_patches),
        code=fingerprint("pipeline.patches.crop"),
    shell:
        "python -m pipeline crop-patches --request {params.request:q} --manifest {input.manifest:q}"
        " --hr {input.hr:q} --lr {input.lr:q} --flow {input.flow:q} --out {output.patches:q}"
        " --report {output.counts:q} 2> {log:q}"
