// The tables beside Table 4, with a chart where one says more.
whenOpened.tables = () => {
  const select = byId("which-table");
  function show() {
    const table = DATA.tables[+select.value];
    byId("table-text").replaceChildren(...table.text.map((line) => make("p", { class: "note" }, line)));
    const empty = table.columns.map((_, n) => table.lines.every((line) => line[n] == null || line[n] === ""));
    const kept = table.columns.map((_, n) => n).filter((n) => !empty[n]);
    showTable(byId("table-host"), kept.map((n) => table.columns[n]), table.lines.map((line) => kept.map((n) => line[n])));
    const picture = byId("table-picture");
    picture.hidden = !table.picture;
    if (table.picture) Object.assign(picture, { src: table.picture, alt: `Picture of the table: ${table.title}` });
  }
  select.addEventListener("change", show);
  show();
};
