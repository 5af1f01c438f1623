# Which frames are read, training of the recognisers on HR, and scores of every row.


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
        recognizers=json.dumps(
            {
                n: json.loads(as_json(r, *PLAN_KEYS[r.protocol]))
                for n, r in RECOGNIZERS.items()
            },
            sort_keys=True,
        ),
        code=fingerprint("pipeline.recognition.plan"),
    shell:
        "python -m pipeline plan-frames --manifest {input.manifest:q}"
        " --recognizers {params.recognizers:q} --out {output:q} 2> {log:q}"


rule train_recognizer:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        frames=lambda w: hr_frames(w.dataset, "train"),
        flow=lambda w: [
            f"{OUT}/flow/{w.dataset}/hr/train-{shard}.h5"
            for shard in shards(w.dataset, "train")
        ],
        init=lambda w: [
            path
            for stream in ("spatial", "temporal")
            if w.stream == "joint"
            for path in recognizer_weights(w.dataset, w.recognizer, stream)
        ],
    output:
        f"{OUT}/recognition/{{dataset}}/{{recognizer}}/{{stream}}.pt",
    log:
        f"{OUT}/logs/train_recognizer/{{dataset}}-{{recognizer}}-{{stream}}.log",
    cache: True
    priority: 5
    conda:
        ENVIRONMENT
    threads: CONFIG.compute.threads
    resources:
        gpu=GPUS,
    params:
        spec=lambda w: recognizer_spec(w.recognizer, w.stream, w.dataset),
        stream="{stream}",
        dataset="{dataset}",
        size=json.dumps(CONFIG.recognition.frame_size),
        compute=as_json(CONFIG.compute),
        seed=CONFIG.seed,
        code=lambda w: fingerprint(
            "pipeline.recognition.training",
            *recognizer_modules(w.recognizer, [w.stream]),
        ),
    shell:
        "python -m pipeline train-recognizer --spec {params.spec:q} --stream {params.stream}"
        " --dataset {params.dataset} --manifest {input.manifest:q} --frames {input.frames:q}"
        " --flow {input.flow:q} --init {input.init:q} --frame-size {params.size:q} --compute {params.compute:q}"
        " --seed {params.seed} --code {params.code} --out {output:q} 2> {log:q}"


rule score_clips:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        frames=lambda w: frames_of(
            w.dataset, source_of(w.method, "spatial"), "test", w.shard
        ),
        flow=lambda w: f"{OUT}/flow/{w.dataset}/{source_of(w.method, 'temporal')}/test-{w.shard}.h5",
        weights=lambda w: [
            path
            for stream in scored_streams(w.recognizer, w.method)
            for path in recognizer_weights(w.dataset, w.recognizer, stream)
        ],
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
    params:
        spec=lambda w: as_json(
            RECOGNIZERS[w.recognizer],
            *SCORING_KEYS[RECOGNIZERS[w.recognizer].protocol],
        ),
        streams=lambda w: json.dumps(scored_streams(w.recognizer, w.method)),
        size=json.dumps(CONFIG.recognition.frame_size),
        compute=as_json(CONFIG.compute),
        code=lambda w: fingerprint(
            "pipeline.recognition.scoring",
            *recognizer_modules(w.recognizer, scored_streams(w.recognizer, w.method)),
        ),
    shell:
        "python -m pipeline score-clips --spec {params.spec:q} --streams {params.streams:q}"
        " --weights {input.weights:q} --dataset {wildcards.dataset} --recognizer {wildcards.recognizer}"
        " --method {wildcards.method} --manifest {input.manifest:q} --shard {wildcards.shard}"
        " --frames {input.frames:q} --flow {input.flow:q} --frame-size {params.size:q}"
        " --compute {params.compute:q} --out {output:q} 2> {log:q}"
