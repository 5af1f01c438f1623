# The report page: results/report/index.html with its media beside it, and the same as one file.

from pipeline.report.page.assets import digest

PAGE = f"{OUT}/report"


rule show_clips:
    input:
        scores=lambda w: FILES.scores(CONFIG.methods, [w.dataset], RECOGNIZERS),
        manifest=f"{OUT}/data/{{dataset}}/manifest.csv",
        plan=f"{OUT}/recognition/{{dataset}}/plan.json",
        frames=lambda w: FILES.shown_frames(w.dataset),
        flow=lambda w: FILES.shown_flow(w.dataset),
    output:
        directory(f"{PAGE}/clips/{{dataset}}"),
    log:
        f"{OUT}/logs/show_clips/{{dataset}}.log",
    benchmark:
        f"{OUT}/benchmarks/show_clips/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.show_clips),
        code=fingerprint("pipeline.report.page.clips"),
    shell:
        "python -m pipeline show-clips --request {params.request:q} --scores {input.scores:q}"
        " --manifest {input.manifest:q} --plan {input.plan:q} --frames {input.frames:q} --flow {input.flow:q}"
        " --out {output:q} 2> {log:q}"


rule build_page:
    input:
        scores=FILES.scores(CONFIG.methods, CONFIG.datasets, RECOGNIZERS),
        manifests=expand(
            f"{OUT}/data/{{dataset}}/manifest.csv", dataset=CONFIG.datasets
        ),
        clips=expand(f"{PAGE}/clips/{{dataset}}", dataset=CONFIG.datasets),
        tables=expand(f"{OUT}/tables/{{table}}.csv", table=ROWS.page_tables),
        figures=[
            f"{OUT}/tables/{name}.png" for name in ROWS.page_tables if name in DRAWN
        ],
        cost=expand(f"{OUT}/superres/cost/{{model}}.json", model=ROWS.costed),
        weights=[weights for _, _, weights in FILES.trainings()],
    output:
        page=f"{PAGE}/index.html",
        assets=directory(f"{PAGE}/assets"),
    log:
        f"{OUT}/logs/build_page.log",
    conda:
        ENVIRONMENT
    params:
        request=EXPERIMENT.requests.build_page().text(),
        # Not an input: every run adds an entry.
        provenance=f"{OUT}/provenance.json",
        code=fingerprint("pipeline.report.page.build"),
        look=digest(),
    shell:
        "python -m pipeline build-page --request {params.request:q} --scores {input.scores:q}"
        " --manifests {input.manifests:q} --clips {input.clips:q} --read {input.tables:q}"
        " --cost {input.cost:q} --weights {input.weights:q} --provenance {params.provenance:q} --assets {output.assets:q}"
        " --out {output.page:q} 2> {log:q}"


rule pack_page:
    input:
        page=rules.build_page.output,
        clips=rules.build_page.input.clips,
    output:
        report(
            f"{OUT}/report.zip",
            caption="captions/page.rst",
            category="The page",
            labels={"part": "page with clips, curves and provenance"},
        ),
    log:
        f"{OUT}/logs/pack_page.log",
    conda:
        ENVIRONMENT
    params:
        code=fingerprint("pipeline.report.page.build"),
    shell:
        "python -m pipeline pack-page --page {input:q} --out {output:q} 2> {log:q}"


rule report:
    input:
        rules.build_page.output.page,
        rules.pack_page.output,
