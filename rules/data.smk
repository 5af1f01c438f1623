# Videos on disk -> manifests, HR and LR frame stores.


rule generate_demo:
    output:
        directory(f"{OUT}/demo/{{name}}"),
    log:
        f"{OUT}/logs/generate_demo/{{name}}.log",
    benchmark:
        f"{OUT}/benchmarks/generate_demo/{{name}}.tsv"
    params:
        kind=lambda w: CONFIG.datasets[w.name].layout if w.name in CONFIG.datasets else "cdvl",
        demo=lambda w: as_json(CONFIG.demo),
        seed=CONFIG.seed,
        code=fingerprint("pipeline.data.demo.generate"),
    conda:
        ENVIRONMENT
    shell:
        "python -m pipeline generate-demo --kind {params.kind} --demo {params.demo:q}"
        " --seed {params.seed} --folder {output:q} 2> {log:q}"


def dataset_folders(wildcards):
    """Folders of a data set: the demo's whole folder where it is generated."""
    dataset = CONFIG.datasets[wildcards.dataset]
    generated = f"{OUT}/demo/{wildcards.dataset}"
    if str(dataset.root) == f"{generated}/videos":
        return [generated]
    return [dataset.root, dataset.splits]


rule list_clips:
    input:
        dataset_folders,
    output:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        left_out=f"{OUT}/data/{{dataset}}/left_out.csv",
    log:
        f"{OUT}/logs/list_clips/{{dataset}}.log",
    params:
        root=lambda w: str(CONFIG.datasets[w.dataset].root),
        splits=lambda w: str(CONFIG.datasets[w.dataset].splits),
        dataset=lambda w: as_json(CONFIG.datasets[w.dataset], "layout", "split", "classes", "shards"),
        code=fingerprint("pipeline.data.listing"),
    conda:
        ENVIRONMENT
    shell:
        "python -m pipeline list-clips --dataset {params.dataset:q} --root {params.root:q}"
        " --splits {params.splits:q} --out {output.manifest:q} --left-out {output.left_out:q} 2> {log:q}"


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
    params:
        code=fingerprint("pipeline.data.prepare"),
    conda:
        ENVIRONMENT
    shell:
        "python -m pipeline prepare-clips --manifest {input.manifest:q} --split {wildcards.split}"
        " --shard {wildcards.shard} --hr {output.hr:q} --lr {output.lr:q} 2> {log:q}"


rule list_videos:
    input:
        f"{OUT}/demo/training_videos" if CONFIG.demo else CONFIG.training_videos.root,
    output:
        manifest=f"{OUT}/data/training_videos/manifest.csv",
        left_out=f"{OUT}/data/training_videos/left_out.csv",
    log:
        f"{OUT}/logs/list_videos.log",
    params:
        videos=as_json(CONFIG.training_videos, "size", "max_frames", "shards"),
        code=fingerprint("pipeline.data.listing"),
    conda:
        ENVIRONMENT
    shell:
        "python -m pipeline list-videos --videos {params.videos:q} --root {input:q}"
        " --out {output.manifest:q} --left-out {output.left_out:q} 2> {log:q}"


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
    params:
        videos=as_json(CONFIG.training_videos, "size", "max_frames"),
        code=fingerprint("pipeline.data.prepare"),
    conda:
        ENVIRONMENT
    shell:
        "python -m pipeline prepare-videos --manifest {input.manifest:q} --shard {wildcards.shard}"
        " --videos {params.videos:q} --hr {output.hr:q} --lr {output.lr:q} 2> {log:q}"
