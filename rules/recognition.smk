# Which frames are read, training of the recognisers, and scores of every row.


rule plan_frames:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
    output:
        f"{OUT}/recognition/{{dataset}}/plan.json",
    log:
        f"{OUT}/logs/plan_frames/{{dataset}}.log",
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.plan_frames),
        code=fingerprint(*CODE.plan_frames()),
    shell:
        "python -m pipeline plan-frames --request {params.request:q} --manifest {input.manifest:q}"
        " --out {output:q} 2> {log:q}"


rule train_recognizer:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        frames=lambda w: FILES.training_frames(w.dataset, w.recognizer),
        flow=lambda w: FILES.training_fields(w.dataset, w.recognizer),
        low_frames=lambda w: FILES.low_frames(w.dataset, w.recognizer),
        low_flow=lambda w: FILES.low_fields(w.dataset, w.recognizer),
        init=lambda w: inputs(FILES.start_weights(w.dataset, w.recognizer, w.stream)),
    output:
        f"{OUT}/recognition/{{dataset}}/{{recognizer}}/{{stream}}.safetensors",
    log:
        f"{OUT}/logs/train_recognizer/{{dataset}}-{{recognizer}}-{{stream}}.log",
    cache: True
    priority: 5
    conda:
        ENVIRONMENT
    threads: TRAINING_THREADS
    resources:
        gpu=TRAINING_GPUS,
        gpu_turn=GPUS,
    params:
        request=asks(EXPERIMENT.requests.train_recognizer),
        content=lambda w: CONTENT.of(
            FILES.start_weights(w.dataset, w.recognizer, w.stream)
            + FILES.initial_weights(w.recognizer)
        ),
        code=lambda w: fingerprint(
            *CODE.train_recognizer(w.dataset, w.recognizer, w.stream)
        ),
    shell:
        "python -m pipeline train-recognizer --request {params.request:q}"
        " --manifest {input.manifest:q} --frames {input.frames:q}"
        " --flow {input.flow:q} --low-frames {input.low_frames:q}"
        " --low-flow {input.low_flow:q} --init {input.init:q}"
        " --code {params.code} --out {output:q} 2> {log:q}"


rule score_clips:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        frames=lambda w: FILES.scored_frames(w.dataset, w.recognizer, w.method, w.shard),
        flow=lambda w: FILES.scored_flow(w.dataset, w.recognizer, w.method, w.shard),
        classes=lambda w: FILES.class_manifest(w.dataset),
        weights=lambda w: inputs(
            FILES.scoring_weights(w.dataset, w.recognizer, w.method)
        ),
    output:
        f"{OUT}/recognition/{{dataset}}/{{recognizer}}/scores/{{method}}/{{shard}}.npz",
    log:
        f"{OUT}/logs/score_clips/{{dataset}}-{{recognizer}}-{{method}}-{{shard}}.log",
    benchmark:
        f"{OUT}/benchmarks/score_clips/{{dataset}}-{{recognizer}}-{{method}}-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        gpu=GPUS,
        gpu_turn=GPUS,
    params:
        request=asks(EXPERIMENT.requests.score_clips),
        content=lambda w: CONTENT.of(
            FILES.scoring_weights(w.dataset, w.recognizer, w.method)
        ),
        code=lambda w: fingerprint(*CODE.score(w.dataset, w.recognizer, w.method)),
    shell:
        "python -m pipeline score-clips --request {params.request:q} --weights {input.weights:q}"
        " --manifest {input.manifest:q} --frames {input.frames:q} --flow {input.flow:q}"
        " --classes {input.classes:q} --out {output:q} 2> {log:q}"


# Rows that no method shows: pairs, by networks that see both streams; all shards in one job.
use rule score_clips as score_pair with:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        frames=lambda w: FILES.all_frames(
            w.dataset, ROWS.source(w.pair, "spatial"), "test"
        ),
        flow=lambda w: FILES.all_flow(
            w.dataset, ROWS.source(w.pair, "temporal"), "test"
        ),
        classes=lambda w: FILES.class_manifest(w.dataset),
        weights=lambda w: inputs(FILES.scoring_weights(w.dataset, w.recognizer, w.pair)),
    output:
        f"{OUT}/recognition/{{dataset}}/{{recognizer}}/pairs/{{pair}}.npz",
    log:
        f"{OUT}/logs/score_pair/{{dataset}}-{{recognizer}}-{{pair}}.log",
    benchmark:
        f"{OUT}/benchmarks/score_pair/{{dataset}}-{{recognizer}}-{{pair}}.tsv"
    params:
        request=asks(EXPERIMENT.requests.score_pair),
        content=lambda w: CONTENT.of(
            FILES.scoring_weights(w.dataset, w.recognizer, w.pair)
        ),
        code=lambda w: fingerprint(*CODE.score(w.dataset, w.recognizer, w.pair)),
