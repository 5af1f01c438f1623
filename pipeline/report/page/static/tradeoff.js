// Accuracy against quality and cost.
whenOpened.tradeoff = () => {
  const { measures, points, agreement } = DATA.tradeoff;
  const t4 = DATA.table4;
  const [column, measure, log] = ["column", "measure", "log"].map((name) => byId(`tradeoff-${name}`));
  const known = Object.keys(measures).filter((key) => Object.values(points).some((rows) => Object.values(rows).some((p) => key in p)));
  measure.replaceChildren(...known.map((key) => make("option", { value: key }, measures[key])));
  if (known.includes("milliseconds")) measure.value = "milliseconds";
  log.checked = true;

  function draw() {
    const chosen = t4.columns[+column.value];
    const rows = Object.entries(points[chosen.dataset]).filter(([, p]) => measure.value in p);
    const cells = rows.map(([row]) => chosen.cells[row]);
    const best = Object.entries(t4.rows).find(([row]) => !(measure.value in points[chosen.dataset][row]) && row === "hr");
    // Neighbours' names stand above and below by turns.
    const order = rows.map(([, p], n) => [p[measure.value], n]).sort((a, b) => a[0] - b[0]).map(([, n]) => n);
    const places = rows.map((_, n) => ["top right", "bottom right"][order.indexOf(n) % 2]);
    const trace = {
      x: rows.map(([, p]) => p[measure.value]), y: cells.map((c) => c.top1), text: rows.map(([row]) => t4.rows[row]),
      type: "scatter", mode: "markers+text", textposition: places, cliponaxis: false, marker: { size: 10 },
      error_y: { type: "data", symmetric: false, array: cells.map((c) => c.high - c.top1), arrayminus: cells.map((c) => c.top1 - c.low), thickness: 1 },
      hovertemplate: "%{text}: %{y:.2f} %, %{x}<extra></extra>",
    };
    const hr = best && chosen.cells[best[0]];
    showChart(byId("tradeoff-chart"), [trace], {
      xaxis: { title: { text: measures[measure.value] }, type: log.checked ? "log" : "linear" },
      yaxis: { title: { text: `${chosen.label}: top-1 (%)` } },
      shapes: hr ? [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: hr.top1, y1: hr.top1, line: { dash: "dot", width: 1, color: "#888" }, label: { text: best[1], textposition: "end" } }] : [],
      showlegend: false,
    });
  }
  // Zero has no logarithm; interpolation has no parameters.
  measure.addEventListener("change", () => { log.checked = ["gflop", "milliseconds", "parameters"].includes(measure.value); draw(); });
  column.addEventListener("change", draw);
  log.addEventListener("change", draw);
  const kept = known.map((key) => Object.keys(measures).indexOf(key) + 1);
  showTable(byId("agreement"), ["column", ...known.map((key) => measures[key])], agreement.map((line) => [line[0], ...kept.map((n) => line[n])]));
  draw();
};
