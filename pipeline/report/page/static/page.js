// What all views share: the data, tables by DataTables, and which view is shown.
const DATA = JSON.parse(document.getElementById("data").textContent);
const DataTable = DataTablesBundle.default;
const byId = (id) => document.getElementById(id);

/** An element with attributes and children (text or elements). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const escaped = (text) => make("i", {}, String(text)).innerHTML;

/** A sortable table of plain values in an empty host: own settings of columns by number, and DataTables' options. */
function showTable(host, columns, lines, own = {}, options = {}) {
  const table = make("table", { class: "numbers" });
  host.replaceChildren(table);
  const short = lines.length <= 25;
  return new DataTable(table, {
    columns: columns.map((title, n) => ({
      title: escaped(title),
      className: lines.some((line) => typeof line[n] === "number") ? "dt-right" : "dt-left",
      render: (value, kind) => (kind === "display" ? (value == null ? "" : escaped(value)) : value),
      ...own[n],
    })),
    data: lines,
    order: [],
    scrollX: true,
    paging: !short,
    pageLength: 25,
    info: !short,
    layout: short ? { topStart: null, topEnd: null } : {},
    ...options,
  });
}

// Views are sections; the address names the one that is shown, so that links and the back button work.
const views = [...document.querySelectorAll(".view")];
const opened = new Set();
const whenOpened = {};
function showView() {
  const [name] = location.hash.slice(1).split("/");
  const view = views.find((one) => one.id === name) ?? views[0];
  for (const one of views) one.hidden = one !== view;
  for (const link of byId("views").children) {
    if (link.hash === `#${view.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view.querySelector("h1").textContent} – RecoSR`;
  if (!opened.has(view.id)) {
    opened.add(view.id);
    whenOpened[view.id]?.();
  }
}
addEventListener("hashchange", () => { showView(); scrollTo(0, 0); });
addEventListener("DOMContentLoaded", showView);
// The browser goes to the section itself, whose heading the bar would hide.
addEventListener("load", () => requestAnimationFrame(() => scrollTo(0, 0)));

whenOpened.provenance = () => {
  const hours = (seconds) => Math.round(seconds / 6) / 10;
  const times = DATA.origin.times.map((t) => [t.stage, t.jobs, hours(t.seconds), t.memory]);
  showTable(byId("times-host"), ["stage", "jobs", "minutes", "most memory of a job (MB)"], times);
  const runs = DATA.origin.runs.map((r) => [r.started, r.ended ?? "", r.status, r.jobs, r.cores ?? ""]);
  showTable(byId("runs-host"), ["started", "ended", "status", "jobs finished", "cores"], runs);
};
