// The tables beside Table 4, with a chart where one says more: classes and pairings.
whenOpened.tables = () => {
  const [select, part] = [byId("which-table"), byId("table-part")];
  const table = () => DATA.tables[+select.value];
  const at = (line, name) => line[table().columns.indexOf(name)];
  const column = (line) => ["dataset", "recognizer", "stream"].filter((name) => table().columns.includes(name)).map((name) => at(line, name)).join(" ");

  /** What is drawn of a table: its kind, found by its columns. */
  function chart(lines) {
    const { columns } = table();
    if (columns.includes("class")) {
      const gains = columns.filter((name) => name.includes(" - "));
      return {
        x: gains.map((name) => name.split(" - ")[0]), y: lines.map((line) => at(line, "class")), zmid: 0,
        z: lines.map((line) => gains.map((name) => at(line, name))),
        text: lines.map((line) => gains.map((name) => at(line, `${name.split(" - ")[0]} case`) ?? "")),
        title: `points over ${gains[0]?.split(" - ")[1]}; a, b, c: the paper's cases`,
      };
    }
    if (columns.includes("spatial") && columns.includes("temporal")) {
      const [x, y] = ["temporal", "spatial"].map((name) => [...new Set(lines.map((line) => at(line, name)))]);
      const found = new Map(lines.map((line) => [`${at(line, "spatial")}|${at(line, "temporal")}`, at(line, "top1")]));
      const z = y.map((spatial) => x.map((temporal) => found.get(`${spatial}|${temporal}`) ?? null));
      return { x, y, z, text: z.map((line) => line.map((value) => value?.toFixed(1) ?? "")), title: "spatial stream of the row, temporal stream of the column: fused top-1 (%)" };
    }
    return null;
  }

  function draw() {
    const lines = table().lines.filter((line) => part.hidden || column(line) === part.value);
    const drawn = chart(lines);
    byId("table-chart").hidden = !drawn;
    if (!drawn) return;
    const { x, y, z, zmid, text, title } = drawn;
    const style = getComputedStyle(document.documentElement);
    const [down, paper, up] = ["--down", "--card", "--up"].map((name) => style.getPropertyValue(name).trim());
    const colorscale = zmid === undefined ? [[0, paper], [1, up]] : [[0, down], [0.5, paper], [1, up]];
    const trace = { type: "heatmap", x, y, z, zmid, text, texttemplate: "%{text}", colorscale, hoverongaps: false };
    byId("table-chart").style.height = `${Math.max(320, 24 * y.length + 120)}px`;
    showChart(byId("table-chart"), [trace], { xaxis: { title: { text: title } }, yaxis: { autorange: "reversed" } });
  }

  function show() {
    const { text, columns, lines, picture, title } = table();
    byId("table-text").replaceChildren(...text.map((line) => make("p", { class: "note" }, line)));
    const parts = [...new Set(lines.map(column))];
    part.hidden = !chart(lines) || parts.length < 2;
    part.replaceChildren(...parts.map((name) => make("option", {}, name)));
    const kept = columns.map((_, n) => n).filter((n) => lines.some((line) => line[n] != null && line[n] !== ""));
    showTable(byId("table-host"), kept.map((n) => columns[n]), lines.map((line) => kept.map((n) => line[n])));
    const image = byId("table-picture");
    image.hidden = !picture;
    if (picture) Object.assign(image, { src: picture, alt: `Picture of the table: ${title}` });
    draw();
  }
  select.addEventListener("change", show);
  part.addEventListener("change", draw);
  show();
};
