// Charts by plotly.js, which is loaded when the first chart is asked for.
const charts = new Map();
let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const source = document.querySelector("script[src$='page.js']").src.replace(/page\.js$/, "plotly.min.js");
    document.head.append(make("script", { src: source, onload: () => resolve(window.Plotly), onerror: reject }));
  });
  return loading;
}

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const [ink, line] = ["--ink", "--line"].map((name) => style.getPropertyValue(name).trim());
  const axis = (own = {}) => ({ gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, ...own });
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, sans-serif", size: 13 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink }, margin: { l: 56, r: 16, t: 16, b: 48 }, legend: { orientation: "h", y: -0.2 },
    colorway: ["#2f6fdb", "#e07b00", "#159a7a", "#b44bd0", "#c9a100", "#d1495b", "#5f7d95", "#7a5cff", "#3aa6d0", "#8c6d46"],
    ...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
  };
}

async function showChart(host, traces, layout) {
  charts.set(host, [traces, layout]);
  const library = await plotly();
  if (charts.get(host)?.[0] !== traces) return;
  await library.react(host, traces, themed(layout), { responsive: true, displaylogo: false });
}

document.addEventListener("theme", () => {
  for (const [host, [traces, layout]] of charts) showChart(host, traces, layout);
});

whenOpened.training = () => {
  const [group, tag] = [byId("curve-group"), byId("curve-tag")];
  const ofGroup = () => DATA.training.filter((one) => one.group === group.value);
  function listTags() {
    const tags = [...new Set(ofGroup().flatMap((one) => Object.keys(one.scalars)))];
    const kept = tags.includes(tag.value) ? tag.value : tags.find((name) => name === "loss/total") ?? tags[0];
    tag.replaceChildren(...tags.map((name) => make("option", { value: name }, name)));
    if (kept) tag.value = kept;
    const missing = ofGroup().filter((one) => !Object.keys(one.scalars).length).map((one) => one.name);
    byId("curve-note").textContent = missing.length ? `No log is left of: ${missing.join(", ")}.` : "";
    draw();
  }
  function draw() {
    const traces = ofGroup().filter((one) => one.scalars[tag.value]).map((one) => {
      const [x, y] = one.scalars[tag.value];
      return { x, y, name: one.name, type: "scatter", mode: x.length > 2 ? "lines" : "lines+markers" };
    });
    const scale = byId("curve-log").checked ? "log" : "linear";
    showChart(byId("curve-chart"), traces, { xaxis: { title: { text: "step" } }, yaxis: { title: { text: tag.value }, type: scale }, showlegend: true });
  }
  group.addEventListener("change", listTags);
  tag.addEventListener("change", draw);
  byId("curve-log").addEventListener("change", draw);
  const last = (one, name) => one.scalars[name]?.[1].at(-1) ?? null;
  const lines = DATA.training.map((one) => [
    one.group, one.name, Math.max(0, ...Object.values(one.scalars).map(([x]) => x.at(-1))) || null,
    one.seconds == null ? null : Math.round(one.seconds / 6) / 10, last(one, "loss/total"), one.log,
  ]);
  showTable(byId("training-table"), ["group", "training", "steps", "minutes", "last loss", "log"], lines);
  listTags();
};
