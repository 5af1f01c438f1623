# Optical flow of what the recognisers read (TV-L1), and of the training videos.


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
        tvl1=as_json(CONFIG.flow.tvl1),
        bound=CONFIG.flow.bound,
        size=json.dumps(CONFIG.recognition.frame_size),
        split="{split}",
        shard="{shard}",
        code=fingerprint("pipeline.flow.extract"),
    shell:
        "python -m pipeline extract-flow --frames {input.frames:q} --manifest {input.manifest:q}"
        " --split {params.split} --shard {params.shard} --plan {input.plan:q} --tvl1 {params.tvl1:q}"
        " --bound {params.bound} --frame-size {params.size:q} --out {output:q} 2> {log:q}"


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
        engine="{engine}",
        gap="{gap}",
        shard="{shard}",
        flow=lambda w: as_json(CONFIG.flow, w.engine),
        patches=as_json(CONFIG.patches, "frames_per_video", "margin"),
        seed=CONFIG.seed,
        content=lambda w: content_of(FILES.flow_weights(w.engine)),
        compute=lambda w: (
            as_json(CONFIG.compute, "device", "threads")
            if w.engine == "flownet2"
            else "{}"
        ),
        code=lambda w: fingerprint(*CODE.training_flow(w.engine)),
    shell:
        "python -m pipeline extract-training-flow --frames {input.frames:q} --manifest {input.manifest:q}"
        " --shard {params.shard} --engine {params.engine} --gap {params.gap} --flow {params.flow:q}"
        " --patches {params.patches:q} --seed {params.seed} --compute {params.compute:q}"
        " --out {output:q} 2> {log:q}"
