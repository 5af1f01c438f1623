# Training of the SR networks, and super-resolution of the test clips.


def training_modules(model):
    """Modules that a training reaches by name: its networks and the losses that it uses."""
    losses = MODELS[model].training.losses
    modules = ["pipeline.superres.training", network_module("superres", MODELS[model].network)]
    modules += [f"pipeline.superres.losses.{kind}" for kind, used in losses if used]
    if losses.adversarial:
        modules.append(network_module("superres", losses.adversarial.discriminator))
    return modules


rule train_sr:
    input:
        patches=lambda w: f"{OUT}/patches/{MODELS[w.model].training.patches}.h5",
        init=lambda w: weights_of(MODELS[w.model].init) if MODELS[w.model].init else [],
        features=lambda w: feature_weights(w.model),
    output:
        f"{OUT}/superres/models/{{model}}.pt",
    log:
        f"{OUT}/logs/train_sr/{{model}}.log",
    cache: True
    threads: CONFIG.compute.threads
    resources:
        gpu=GPUS,
    params:
        name="{model}",
        model=lambda w: as_json(MODELS[w.model], "network", "args", "training"),
        features=lambda w: (
            as_json(CONFIG.superres.feature_network) if MODELS[w.model].training.losses.feature else "null"
        ),
        compute=as_json(CONFIG.compute),
        seed=CONFIG.seed,
        code=lambda w: fingerprint(*training_modules(w.model)),
    conda:
        ENVIRONMENT
    shell:
        "python -m pipeline train-sr --name {params.name} --model {params.model:q}"
        " --feature-network {params.features:q} --compute {params.compute:q} --seed {params.seed}"
        " --patches {input.patches:q} --init {input.init:q} --code {params.code} --out {output:q} 2> {log:q}"


def weights_of(model):
    """Weights of a model: published, trained here, or none for a network without parameters."""
    if MODELS[model].weights:
        return [str(MODELS[model].weights)]
    return [f"{OUT}/superres/models/{model}.pt"] if MODELS[model].training else []


def feature_weights(model):
    weights = CONFIG.superres.feature_network.weights
    return [str(weights)] if weights and MODELS[model].training.losses.feature else []


rule super_resolve:
    input:
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        plan=f"{OUT}/recognition/{{dataset}}/plan.json",
        lr=f"{OUT}/data/{{dataset}}/test-{{shard}}/lr.h5",
        weights=lambda w: weights_of(w.model),
    output:
        f"{OUT}/superres/frames/{{dataset}}/{{model}}/test-{{shard}}.h5",
    log:
        f"{OUT}/logs/super_resolve/{{dataset}}-{{model}}-{{shard}}.log",
    benchmark:
        f"{OUT}/benchmarks/super_resolve/{{dataset}}-{{model}}-{{shard}}.tsv"
    threads: CONFIG.compute.threads
    resources:
        gpu=GPUS,
    params:
        model=lambda w: as_json(MODELS[w.model], "network", "args"),
        compute=as_json(CONFIG.compute),
        batch=CONFIG.superres.batch_pixels,
        code=lambda w: fingerprint(
            "pipeline.superres.inference", network_module("superres", MODELS[w.model].network)
        ),
    conda:
        ENVIRONMENT
    shell:
        "python -m pipeline super-resolve --model {params.model:q} --weights {input.weights:q}"
        " --manifest {input.manifest:q} --shard {wildcards.shard} --lr {input.lr:q} --plan {input.plan:q}"
        " --compute {params.compute:q} --batch-pixels {params.batch} --out {output:q} 2> {log:q}"
