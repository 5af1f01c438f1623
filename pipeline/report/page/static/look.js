// The viewer: which clip, which two rows, and what their recogniser says.
whenOpened.look = () => {
  const rows = DATA.table4.rows;
  const order = Object.keys(rows);
  const state = { look: 0, clip: 0, a: null, b: null, judge: null, split: 50, line: 0 };
  const here = () => DATA.look[state.look];
  const clip = () => here().clips[state.clip];
  const hr = () => order.find((row) => here().rows[row].frames === "hr");
  const columnName = (key) => {
    const [recognizer, column] = key.split(" ");
    return `${DATA.table4.recognizers[recognizer]} ${column}`;
  };

  const player = new Player(byId("video"), byId("scanner"), {
    onframe(frame) {
      byId("frame").value = frame;
      byId("frame-text").textContent = `${frame + 1} of ${player.count} (frame ${clip().numbers[frame]} of the clip)`;
    },
    onstate(playing) {
      byId("play").textContent = playing ? "Pause" : "Play";
      byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    },
    onnote(text) { byId("media-note").textContent = text; },
    ondraw(lossless) {
      byId("viewer").dataset.lossless = lossless;
      byId("media-note").textContent = lossless
        ? "This frame is shown from a lossless still."
        : "Shown from near-lossless video; the frame with the most motion is also there as a lossless still.";
      placeLine();
    },
  });

  // ---- choice of clip and rows
  function options(select, entries, value) {
    select.replaceChildren(...entries.map(([key, label]) => make("option", { value: key }, label)));
    select.value = value;
  }

  function listClips() {
    byId("clips").replaceChildren(...here().clips.map((one, n) => {
      const alone = one.alone.map(([r, c, row]) => `${rows[row]} alone: ${columnName(`${r} ${c}`)}`);
      return make("li", {}, make("button", { type: "button", "data-clip": n, title: alone.join("\n") },
        make("b", {}, one.class), make("small", {}, one.id.split("/").pop()),
        ...(alone.length ? [make("span", { class: "badge" }, alone.length > 1 ? `${alone[0]} +${alone.length - 1}` : alone[0])] : [])));
    }));
  }

  function openClip(number, first, second) {
    state.clip = Math.min(Math.max(number, 0), here().clips.length - 1);
    const one = clip();
    const alone = one.alone[0];
    state.a = first ?? alone?.[2] ?? state.a ?? order[0];
    state.b = second ?? (alone ? rival(alone) : state.b) ?? hr() ?? order.at(-1);
    if (alone) state.judge = `${alone[0]} ${alone[1]}`;
    state.judge ??= Object.keys(one.verdicts).at(-1);
    state.line = Math.floor(one.size[1] / 2);
    for (const button of byId("clips").querySelectorAll("button")) {
      if (+button.dataset.clip === state.clip) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    byId("clips").querySelector("[aria-current]").scrollIntoView({ block: "nearest" });
    byId("clip-title").textContent = one.id;
    const aloneIn = new Map(one.alone.map(([, , row]) => [row, one.alone.filter((other) => other[2] === row)]));
    byId("clip-verdict").textContent = [
      `Class ${one.class}.`,
      ...[...aloneIn].map(([row, found]) => `Recognised with ${rows[row]} alone: ${found.map(([r, c]) => columnName(`${r} ${c}`)).join(", ")}.`),
    ].join(" ");
    byId("flow-scale").textContent = `– hue: direction; full colour from ${one.flow_scale} px`;
    Object.assign(byId("frame"), { max: one.numbers.length - 1 });
    Object.assign(byId("pixel-row"), { max: one.size[1] - 1, value: state.line });
    byId("viewer").style.setProperty("--ratio", `${one.size[0]} / ${one.size[1]}`);
    player.open(one, here().folder);
    setZoom();
    showRows();
  }

  /** The row to see beside one that is recognised alone: the baseline, or else any other. */
  function rival([, , row]) {
    const base = order.find((one) => rows[one] === DATA.table4.baseline);
    return base && base !== row ? base : order.find((one) => one !== row);
  }

  function showRows() {
    const all = order.map((row) => [row, rows[row]]);
    options(byId("row-a"), all, state.a);
    options(byId("row-b"), all, state.b);
    options(byId("judge"), Object.keys(clip().verdicts).map((key) => [key, columnName(key)]), state.judge);
    byId("name-a").textContent = `A ${rows[state.a]}`;
    byId("name-b").textContent = `B ${rows[state.b]}`;
    const panes = [];
    for (const stage of document.querySelectorAll(".stage")) {
      const kind = stage.dataset.kind;
      const source = (row) => `${kind} ${here().rows[row][kind]}`;
      stage.hidden = (kind === "flow" && byId("flow-mode").value === "off") || !clip().tiles[source(state.a)];
      panes.push({ canvas: stage.querySelector(".under"), tile: source(state.b) });
      panes.push({ canvas: stage.querySelector(".over"), tile: source(state.a) });
    }
    panes.push(...showStrip());
    player.show(panes);
    showVerdicts();
    showProfiles();
  }

  /** Small players of HR, LR and both rows, flow below frames. */
  function showStrip() {
    const shown = [["lr", "LR", ""], [state.a, `A ${rows[state.a]}`, "a"], [state.b, `B ${rows[state.b]}`, "b"]];
    if (hr()) shown.unshift([hr(), rows[hr()], ""]);
    const panes = [];
    byId("strip").replaceChildren(...shown.map(([row, label, mark]) => {
      const figure = make("figure", { class: mark }, make("figcaption", {}, label));
      for (const kind of ["frames", "flow"]) {
        const tile = row === "lr" ? `${kind} lr` : `${kind} ${here().rows[row][kind]}`;
        if (clip().tiles[tile]) {
          const canvas = make("canvas", { role: "img", "aria-label": `${label}, ${kind}` });
          figure.append(canvas);
          panes.push({ canvas, tile });
        } else if (kind === "flow" && row === "lr" && clip().tiles["flow hr"]) {
          figure.append(make("p", { class: "none" }, "no flow of LR is computed"));
        }
      }
      return figure;
    }));
    return panes;
  }

  function showVerdicts() {
    const said = clip().verdicts[state.judge];
    const names = here().classes;
    byId("verdicts").replaceChildren(...order.map((row) => {
      const top = said[row];
      const right = top[0][0] === clip().label;
      const mark = row === state.a ? "a" : row === state.b ? "b" : "";
      return make("div", { class: `verdict ${mark} ${right ? "right" : "wrong"}`, "data-row": row },
        make("b", {}, make("span", { class: "sign", "aria-label": right ? "recognised" : "not recognised" }, right ? "✓" : "✗"), ` ${rows[row]}`),
        make("ol", {}, ...top.map(([label, share]) => make("li", { class: label === clip().label ? "true" : "" },
          make("meter", { min: 0, max: 1, value: share, "aria-label": `${names[label]} ${Math.round(100 * share)} %` }),
          make("span", {}, names[label]), make("small", {}, `${Math.round(100 * share)} %`)))));
    }));
  }

  // ---- temporal profiles
  async function showProfiles() {
    byId("pixel-row-text").textContent = state.line;
    const kinds = [...(hr() ? [[hr(), rows[hr()]]] : []), [state.a, `A ${rows[state.a]}`], [state.b, `B ${rows[state.b]}`]];
    const tiles = kinds.map(([row]) => `frames ${here().rows[row].frames}`);
    const shown = clip();
    const atlases = await player.atlas(tiles).catch(() => null);
    if (!atlases || shown !== clip()) return;
    const [width, height] = shown.size;
    const thick = Math.max(2, Math.round(160 / player.count));
    byId("profiles").replaceChildren(...kinds.map(([, label], n) => {
      const canvas = make("canvas", { width: width * 2, height: thick * player.count, role: "img", "aria-label": `Temporal profile of ${label}, pixel row ${state.line}` });
      const brush = canvas.getContext("2d");
      brush.imageSmoothingEnabled = false;
      for (let t = 0; t < player.count; t += 1) {
        brush.drawImage(atlases.get(tiles[n]), 0, t * height + state.line, width, 1, 0, t * thick, 2 * width, thick);
      }
      return make("figure", {}, make("figcaption", {}, label), canvas);
    }));
    byId("profiles").dataset.line = state.line;
  }

  function setLine(line) {
    state.line = Math.min(Math.max(Math.round(line), 0), clip().size[1] - 1);
    byId("pixel-row").value = state.line;
    placeLine();
    showProfiles();
  }

  function placeLine() {
    const [, top, , h] = player.part();
    document.querySelector(".stage .line").style.top = `${(100 * (state.line + 0.5 - top)) / h}%`;
  }

  // ---- slider, zoom, keys
  function setSplit(value) {
    state.split = Math.min(Math.max(value, 0), 100);
    byId("split").value = state.split;
    byId("viewer").style.setProperty("--split", `${state.split}%`);
  }

  function setZoom() {
    byId("zoom").value = player.view.zoom;
    byId("zoom-text").textContent = `×${player.view.zoom}`;
  }

  for (const layers of document.querySelectorAll(".stage .layers")) {
    let drag = null;
    const at = (event) => {
      const box = layers.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    layers.addEventListener("pointerdown", (event) => {
      const [x, y] = at(event);
      const near = Math.abs(x * 100 - state.split) * layers.clientWidth / 100 < 24;
      drag = { kind: near || player.view.zoom === 1 ? "split" : "pan", x, y, moved: false };
      layers.setPointerCapture(event.pointerId);
    });
    layers.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const [x, y] = at(event);
      drag.moved ||= Math.hypot(x - drag.x, y - drag.y) * layers.clientWidth > 4;
      if (!drag.moved) return;
      if (drag.kind === "split") setSplit(100 * x);
      else {
        player.pan(x - drag.x, y - drag.y);
        Object.assign(drag, { x, y });
      }
    });
    layers.addEventListener("pointerup", (event) => {
      const [, top, , h] = player.part();
      if (drag && !drag.moved) setLine(top + at(event)[1] * h - 0.5);
      drag = null;
    });
    layers.addEventListener("dblclick", (event) => {
      player.zoom(player.view.zoom > 1 ? 1 : 4, ...at(event));
      setZoom();
    });
    layers.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && player.view.zoom === 1) return; // the page scrolls
      event.preventDefault();
      player.zoom(player.view.zoom * (event.deltaY < 0 ? 1.25 : 0.8), ...at(event));
      setZoom();
    }, { passive: false });
  }

  const keys = {
    " ": () => player.toggle(),
    ArrowLeft: () => player.step(-1),
    ArrowRight: () => player.step(1),
    "+": () => { player.zoom(player.view.zoom * 2); setZoom(); },
    "=": () => keys["+"](),
    "-": () => { player.zoom(player.view.zoom / 2); setZoom(); },
    PageDown: () => openClip(state.clip + 1),
    PageUp: () => openClip(state.clip - 1),
  };
  byId("viewer").addEventListener("keydown", (event) => {
    if (event.target !== byId("viewer") || !keys[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  byId("clips").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) openClip(+button.dataset.clip);
  });
  byId("look-dataset").addEventListener("change", (event) => openDataset(+event.target.value));
  byId("row-a").addEventListener("change", (event) => { state.a = event.target.value; showRows(); });
  byId("row-b").addEventListener("change", (event) => { state.b = event.target.value; showRows(); });
  byId("swap").addEventListener("click", () => { [state.a, state.b] = [state.b, state.a]; showRows(); });
  byId("judge").addEventListener("change", (event) => { state.judge = event.target.value; showVerdicts(); });
  byId("flow-mode").addEventListener("change", showRows);
  byId("split").addEventListener("input", (event) => setSplit(+event.target.value));
  byId("frame").addEventListener("input", (event) => { byId("video").pause(); player.seek(+event.target.value); });
  byId("pixel-row").addEventListener("input", (event) => setLine(+event.target.value));
  byId("zoom").addEventListener("input", (event) => { player.zoom(+event.target.value); setZoom(); });
  byId("play").addEventListener("click", () => player.toggle());
  byId("back").addEventListener("click", () => player.step(-1));
  byId("forward").addEventListener("click", () => player.step(1));
  byId("speed").addEventListener("change", (event) => {
    byId("video").defaultPlaybackRate = byId("video").playbackRate = +event.target.value;
  });

  function openDataset(number, ...choice) {
    state.look = number;
    byId("look-dataset").value = number;
    listClips();
    openClip(...(choice.length ? choice : [0]));
  }

  /** "#look/1/3/sosr/hr": data set, clip and the two rows. */
  function openAddress() {
    const [view, look, number, first, second] = location.hash.slice(1).split("/");
    if (view !== "look" || number === undefined) return false;
    openDataset(+look, +number, first, second);
    return true;
  }
  addEventListener("hashchange", openAddress);
  setSplit(50);
  openAddress() || openDataset(0);
};
