# Training of the SR networks, super-resolution of the action clips, and clips that other tools super-resolved.


rule train_sr:
    input:
        patches=lambda w: FILES.patches(w.model),
        init=lambda w: inputs(FILES.init_weights(w.model)),
        losses=lambda w: inputs(FILES.loss_weights(w.model)),
    output:
        f"{OUT}/superres/models/{{model}}.safetensors",
    log:
        f"{OUT}/logs/train_sr/{{model}}.log",
    cache: True
    # Chains of trainings are the longest paths of the graph: they go first.
    priority: 10
    conda:
        ENVIRONMENT
    threads: TRAINING_THREADS
    resources:
        gpu=TRAINING_GPUS,
        gpu_turn=GPUS,
    params:
        request=asks(EXPERIMENT.requests.train_sr),
        # How often a training says how it goes changes no weights: from `threads`, so not recorded.
        progress=lambda w, threads: EXPERIMENT.requests.show_progress(w.model).text(),
        content=lambda w: CONTENT.of(
            FILES.init_weights(w.model) + FILES.loss_weights(w.model)
        ),
        code=lambda w: fingerprint(*CODE.train_sr(w.model)),
    shell:
        "python -m pipeline train-sr --request {params.request:q} --progress {params.progress:q}"
        " --patches {input.patches:q} --init {input.init:q} --code {params.code} --out {output:q} 2> {log:q}"


rule super_resolve:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        plan=lambda w: FILES.plan(w.dataset, w.split),
        lr=lambda w: FILES.low(w.dataset, w.model, w.split, w.shard),
        weights=lambda w: inputs(FILES.model_weights(w.model)),
    output:
        f"{OUT}/superres/frames/{{dataset}}/{{model}}/{{split}}-{{shard}}.h5",
    log:
        f"{OUT}/logs/super_resolve/{{dataset}}-{{model}}-{{split}}-{{shard}}.log",
    benchmark:
        f"{OUT}/benchmarks/super_resolve/{{dataset}}-{{model}}-{{split}}-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        gpu=GPUS,
        gpu_turn=GPUS,
    params:
        request=asks(EXPERIMENT.requests.super_resolve),
        content=lambda w: CONTENT.of(FILES.model_weights(w.model)),
        code=lambda w: fingerprint(*CODE.super_resolve(w.model)),
    shell:
        "python -m pipeline super-resolve --request {params.request:q} --weights {input.weights:q}"
        " --manifest {input.manifest:q} --lr {input.lr:q} --plan {input.plan:q} --out {output:q} 2> {log:q}"


rule check_frames:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
    output:
        f"{OUT}/superres/frames/{{dataset}}/{{row}}/{{split}}.csv",
    log:
        f"{OUT}/logs/check_frames/{{dataset}}-{{row}}-{{split}}.log",
    # A clip that does not fit is found before anything is trained.
    priority: 100
    conda:
        ENVIRONMENT
    params:
        folder=lambda w: FILES.imported(w.dataset, w.row),
        content=lambda w: CONTENT.imported(w.dataset, w.row),
        request=asks(EXPERIMENT.requests.check_frames),
        code=fingerprint("pipeline.superres.imported"),
    shell:
        "python -m pipeline check-frames --request {params.request:q} --folder {params.folder:q}"
        " --manifest {input.manifest:q} --out {output:q} 2> {log:q}"


rule import_frames:
    input:
        clips=f"{OUT}/superres/frames/{{dataset}}/{{row}}/{{split}}.csv",
        plan=lambda w: FILES.plan(w.dataset, w.split),
    output:
        f"{OUT}/superres/frames/{{dataset}}/{{row}}/{{split}}-{{shard}}.h5",
    log:
        f"{OUT}/logs/import_frames/{{dataset}}-{{row}}-{{split}}-{{shard}}.log",
    benchmark:
        f"{OUT}/benchmarks/import_frames/{{dataset}}-{{row}}-{{split}}-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.import_frames),
        code=fingerprint("pipeline.superres.imported"),
    shell:
        "python -m pipeline import-frames --request {params.request:q} --clips {input.clips:q}"
        " --plan {input.plan:q} --out {output:q} 2> {log:q}"


rule measure_cost:
    output:
        f"{OUT}/superres/cost/{{model}}.json",
    log:
        f"{OUT}/logs/measure_cost/{{model}}.log",
    conda:
        ENVIRONMENT
    resources:
        gpu=GPUS,
        gpu_turn=GPUS,
    params:
        request=asks(EXPERIMENT.requests.measure_cost),
        code=lambda w: fingerprint(*CODE.measure_cost(w.model)),
    shell:
        "python -m pipeline measure-cost --request {params.request:q} --out {output:q} 2> {log:q}"
