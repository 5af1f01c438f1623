# Optical flow for the recognisers (TV-L1) and for the training patches.


rule extract_flow:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        plan=lambda w: FILES.plan(w.dataset, w.split),
        frames=lambda w: FILES.frames(w.dataset, w.source, w.split, w.shard),
    output:
        f"{OUT}/flow/{{dataset}}/{{source}}/{{split}}-{{shard}}.h5",
    log:
        f"{OUT}/logs/extract_flow/{{dataset}}-{{source}}-{{split}}-{{shard}}.log",
    cache: True
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.extract_flow),
        code=fingerprint("pipeline.flow.extract"),
    shell:
        "python -m pipeline extract-flow --request {params.request:q} --frames {input.frames:q}"
        " --manifest {input.manifest:q} --plan {input.plan:q} --out {output:q} 2> {log:q}"


rule extract_training_flow:
    input:
        manifest=f"{OUT}/data/training_videos/manifest.csv",
        frames=f"{OUT}/data/training_videos/train-{{shard}}/hr.h5",
        weights=lambda w: inputs(FILES.flow_weights(w.engine)),
    output:
        f"{OUT}/flow/training_videos/{{engine}}-gap{{gap}}/{{shard}}.h5",
    log:
        f"{OUT}/logs/extract_training_flow/{{engine}}-gap{{gap}}-{{shard}}.log",
    cache: True
    conda:
        ENVIRONMENT
    threads: lambda w: CONFIG.compute.threads if w.engine == "flownet2" else 1
    resources:
        gpu=lambda w: GPUS if w.engine == "flownet2" else 0,
        gpu_turn=lambda w: GPUS if w.engine == "flownet2" else 0,
    params:
        request=asks(EXPERIMENT.requests.extract_training_flow),
        content=lambda w: CONTENT.of(FILES.flow_weights(w.engine)),
        code=lambda w: fingerprint(*CODE.training_flow(w.engine)),
    shell:
        "python -m pipeline extract-training-flow --request {params.request:q} --frames {input.frames:q}"
        " --manifest {input.manifest:q} --weights {input.weights:q} --out {output:q} 2> {log:q}"
