// Table 4: sorting, columns by data set, recogniser and stream, and the paired test of two rows.
whenOpened.table4 = () => {
  const t4 = DATA.table4;
  const table = new DataTable("#main-table", {
    paging: false, info: false, order: [], scrollX: true, fixedColumns: { start: 1 },
    layout: { topStart: null, topEnd: { search: { placeholder: "Method", text: "Filter rows: _INPUT_" } } },
  });

  const filters = byId("filters");
  filters.addEventListener("change", () => {
    const on = new Set([...filters.querySelectorAll(":checked")].map((box) => `${box.name} ${box.value}`));
    t4.columns.forEach((column, n) => {
      const shown = ["dataset", "recognizer", "stream"].every((key) => on.has(`${key} ${column[key]}`));
      table.column(n + 1).visible(shown, false);
    });
    table.columns.adjust().draw(false);
    if (picked.length === 2) showPair();
  });

  const picked = [];
  const boxes = () => [...document.querySelectorAll("#main-table .pick")];
  function pick(row) {
    const place = picked.indexOf(row);
    if (place >= 0) picked.splice(place, 1);
    else picked.push(row);
    if (picked.length > 2) picked.shift();
    for (const box of boxes()) {
      box.checked = picked.includes(box.value);
      box.closest("tr").classList.toggle("picked", box.checked);
    }
    byId("pair").hidden = picked.length < 2;
    if (picked.length === 2) showPair();
  }
  byId("main-table").addEventListener("click", (event) => {
    const row = event.target.closest("tbody tr")?.dataset.row;
    if (row && !event.target.closest("label")) pick(row);
  });
  byId("main-table").addEventListener("change", (event) => {
    if (event.target.matches(".pick")) pick(event.target.value);
  });

  /** The test of two rows in one column; null where they have the same scores or were not compared. */
  function paired(column, first, second) {
    const [a, b] = [column.scored[first], column.scored[second]];
    const found = column.pairs.find((p) => (p.first === a && p.second === b) || (p.first === b && p.second === a));
    if (!found) return null;
    if (found.first === a) return found;
    return {
      ...found, difference: -found.difference, low: -found.high, high: -found.low,
      only_first: found.only_second, only_second: found.only_first,
    };
  }

  function showPair() {
    const [first, second] = picked;
    const [name, other] = [t4.rows[first], t4.rows[second]];
    byId("pair-title").textContent = `${name} against ${other}`;
    const signed = (value) => `${value > 0 ? "+" : ""}${value.toFixed(2)}`;
    const lines = t4.columns.flatMap((column, n) => {
      if (!table.column(n + 1).visible()) return [];
      const test = paired(column, first, second);
      if (!test) return [[column.label, 0, "same scores", 0, 0, 1, 1, "no", n]];
      return [[
        column.label, test.difference, `${signed(test.low)} to ${signed(test.high)}`, test.only_first,
        test.only_second, +test.p.toPrecision(2), +test.p_holm.toPrecision(2), test.beyond_noise ? "yes" : "no", n,
      ]];
    });
    const titles = ["column", "difference", "interval", `only ${name}`, `only ${other}`, "p", "p after Holm", "beyond noise", "clips"];
    const host = make("div");
    byId("pair-table").replaceWith(host);
    host.id = "pair-table";
    const button = (n) => `<button type="button" class="quiet" data-column="${n}">show</button>`;
    const points = { className: "dt-right", render: (value, kind) => (kind === "display" ? signed(value) : value) };
    showTable(host, titles, lines, { 1: points, 8: { orderable: false, render: button } });
    host.onclick = (event) => {
      const n = event.target.dataset?.column;
      if (n !== undefined) showClips(t4.columns[n], first, second);
    };
    byId("pair-clips").replaceChildren();
  }

  function showClips(column, first, second) {
    const names = t4.clips[column.dataset];
    const bits = (row) => column.right[column.scored[row]] ?? "";
    const look = DATA.look.findIndex((one) => one.dataset === column.dataset);
    const only = (row, other) => {
      const clips = names.filter((_, n) => bits(row)[n] === "1" && bits(other)[n] === "0");
      const items = clips.map((clip) => {
        const n = DATA.look[look].clips.findIndex((one) => one.id === clip);
        return make("li", {}, n < 0 ? clip : make("a", { href: `#look/${look}/${n}/${first}/${second}` }, clip));
      });
      return make("div", {}, make("h4", {}, `Only ${t4.rows[row]}: ${clips.length} clips`), make("ul", { class: "names" }, ...items));
    };
    byId("pair-clips").replaceChildren(
      make("h3", {}, column.label),
      make("p", { class: "note" }, "Linked clips can be looked at."),
      make("div", { class: "two" }, only(first, second), only(second, first)),
    );
    byId("pair-clips").scrollIntoView({ block: "nearest" });
  }
};
