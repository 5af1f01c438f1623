# The tables beside Table 4. Each kind is a file of pipeline/report/tables, which also states what it reads.

DRAWN = [name for name, table in ROWS.tables.items() if table.figure]


rule tabulate:
    input:
        lambda w: ROWS.tables[w.table].reads(EXPERIMENT),
    output:
        csv=report(
            f"{OUT}/tables/{{table}}.csv",
            caption="captions/table.rst",
            category="Other tables",
            labels={"table": "{table}", "part": "numbers"},
        ),
        markdown=f"{OUT}/tables/{{table}}.md",
    log:
        f"{OUT}/logs/tabulate/{{table}}.log",
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.tabulate),
        code=lambda w: fingerprint(*CODE.tabulate(w.table)),
    shell:
        "python -m pipeline tabulate --request {params.request:q} --read {input:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} 2> {log:q}"


rule draw_table:
    input:
        f"{OUT}/tables/{{table}}.csv",
    output:
        report(
            f"{OUT}/tables/{{table}}.png",
            caption="captions/table.rst",
            category="Other tables",
            labels={"table": "{table}", "part": "picture"},
        ),
    log:
        f"{OUT}/logs/draw_table/{{table}}.log",
    conda:
        ENVIRONMENT
    params:
        request=asks(EXPERIMENT.requests.draw_table),
        code=lambda w: fingerprint(*CODE.tabulate(w.table)),
    shell:
        "python -m pipeline draw-table --request {params.request:q} --csv {input:q} --out {output:q} 2> {log:q}"


rule tables:
    input:
        f"{OUT}/table4.csv",
        expand(f"{OUT}/tables/{{table}}.csv", table=ROWS.tables),
        expand(f"{OUT}/tables/{{table}}.png", table=DRAWN),
