# Videos on disk -> manifests, HR and LR frame stores.


rule generate_demo:
    output:
        directory(f"{OUT}/demo/{{name}}"),
    log:
        f"{OUT}/logs/generate_demo/{{name}}.log",
    benchmark:
        f"{OUT}/benchmarks/generate_demo/{{name}}.tsv"
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.generate_demo),
        code=fingerprint("pipeline.data.demo.generate"),
    shell:
        "python -m pipeline generate-demo --request {params.request:q} --folder {output:q} 2> {log:q}"


rule unpack_archive:
    input:
        lambda w: inputs(FILES.archive(w.name, w.part)),
    output:
        directory(f"{OUT}/unpacked/{{name}}/{{part}}"),
    log:
        f"{OUT}/logs/unpack_archive/{{name}}-{{part}}.log",
    benchmark:
        f"{OUT}/benchmarks/unpack_archive/{{name}}-{{part}}.tsv"
    conda:
        ENVIRONMENT
    params:
        content=lambda w: CONTENT.of(FILES.archive(w.name, w.part)),
        code=fingerprint("pipeline.data.archive"),
    shell:
        "python -m pipeline unpack-archive --archive {input:q} --folder {output:q} 2> {log:q}"


rule list_clips:
    input:
        root=lambda w: FILES.made_folder(w.dataset, "videos"),
        splits=lambda w: FILES.made_folder(w.dataset, "splits"),
    output:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        left_out=f"{OUT}/data/{{dataset}}/left_out.csv",
        notes=f"{OUT}/data/{{dataset}}/notes.csv",
    log:
        f"{OUT}/logs/list_clips/{{dataset}}.log",
    conda:
        ENVIRONMENT
    params:
        # Not derived from `input`: Snakemake does not record such params, so changes would go unnoticed.
        # Relative to a generated input, because a path of the output folder would split the cache of runs.
        root=lambda w: FILES.below(w.dataset, "videos"),
        splits=lambda w: FILES.below(w.dataset, "splits"),
        files=lambda w: CONTENT.listing(w.dataset),
        request=asks(EXPERIMENT.requests.list_clips),
        code=lambda w: fingerprint(*CODE.list_clips(w.dataset)),
    shell:
        "python -m pipeline list-clips --request {params.request:q} --root {input.root:q}{params.root:q}"
        " --splits {input.splits:q}{params.splits:q} --out {output.manifest:q} --left-out {output.left_out:q}"
        " --notes {output.notes:q} 2> {log:q}"


rule prepare_clips:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
    output:
        hr=f"{OUT}/data/{{dataset}}/{{split}}-{{shard}}/hr.h5",
        lr=f"{OUT}/data/{{dataset}}/{{split}}-{{shard}}/lr.h5",
    log:
        f"{OUT}/logs/prepare_clips/{{dataset}}-{{split}}-{{shard}}.log",
    benchmark:
        f"{OUT}/benchmarks/prepare_clips/{{dataset}}-{{split}}-{{shard}}.tsv"
    wildcard_constraints:
        dataset=one_of(n for n, data in CONFIG.datasets.items() if not data.native),
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.prepare_clips),
        code=fingerprint(*CODE.prepare()),
    shell:
        "python -m pipeline prepare-clips --request {params.request:q} --manifest {input.manifest:q}"
        " --hr {output.hr:q} --lr {output.lr:q} 2> {log:q}"


rule prepare_native_clips:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
    output:
        f"{OUT}/data/{{dataset}}/{{split}}-{{shard}}/lr.h5",
    log:
        f"{OUT}/logs/prepare_native_clips/{{dataset}}-{{split}}-{{shard}}.log",
    benchmark:
        f"{OUT}/benchmarks/prepare_native_clips/{{dataset}}-{{split}}-{{shard}}.tsv"
    wildcard_constraints:
        dataset=one_of(n for n, data in CONFIG.datasets.items() if data.native),
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.prepare_native_clips),
        code=fingerprint("pipeline.data.prepare"),
    shell:
        "python -m pipeline prepare-native-clips --request {params.request:q} --manifest {input.manifest:q}"
        " --out {output:q} 2> {log:q}"


rule list_videos:
    input:
        FILES.made_folder("training_videos", "videos"),
    output:
        manifest=f"{OUT}/data/training_videos/manifest.csv",
        left_out=f"{OUT}/data/training_videos/left_out.csv",
        notes=f"{OUT}/data/training_videos/notes.csv",
    log:
        f"{OUT}/logs/list_videos.log",
    conda:
        ENVIRONMENT
    params:
        root=FILES.below("training_videos", "videos"),
        files=lambda w: CONTENT.listing("training_videos"),
        request=EXPERIMENT.requests.list_videos().text(),
        code=fingerprint("pipeline.data.listing"),
    shell:
        "python -m pipeline list-videos --request {params.request:q} --root {input:q}{params.root:q}"
        " --out {output.manifest:q} --left-out {output.left_out:q}"
        " --notes {output.notes:q} 2> {log:q}"


rule prepare_videos:
    input:
        manifest=f"{OUT}/data/training_videos/manifest.csv",
    output:
        hr=f"{OUT}/data/training_videos/train-{{shard}}/hr.h5",
        lr=f"{OUT}/data/training_videos/train-{{shard}}/lr.h5",
    log:
        f"{OUT}/logs/prepare_videos/{{shard}}.log",
    benchmark:
        f"{OUT}/benchmarks/prepare_videos/{{shard}}.tsv"
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.prepare_videos),
        code=fingerprint(*CODE.prepare()),
    shell:
        "python -m pipeline prepare-videos --request {params.request:q} --manifest {input.manifest:q}"
        " --hr {output.hr:q} --lr {output.lr:q} 2> {log:q}"


# LR frames under a further degradation, of the test clips of a data set or of the training videos.
rule degrade_frames:
    input:
        manifest=f"{OUT}/data/{{name}}/manifest.csv",
        hr=f"{OUT}/data/{{name}}/{{split}}-{{shard}}/hr.h5",
    output:
        f"{OUT}/data/{{name}}/{{split}}-{{shard}}/lr-{{degradation}}.h5",
    log:
        f"{OUT}/logs/degrade_frames/{{name}}-{{split}}-{{shard}}-{{degradation}}.log",
    benchmark:
        f"{OUT}/benchmarks/degrade_frames/{{name}}-{{split}}-{{shard}}-{{degradation}}.tsv"
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.degrade_frames),
        code=lambda w: fingerprint(*CODE.degrade(w.degradation)),
    shell:
        "python -m pipeline degrade-frames --request {params.request:q} --manifest {input.manifest:q}"
        " --hr {input.hr:q} --out {output:q} 2> {log:q}"
