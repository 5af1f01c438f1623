// One clip: a video whose picture is a mosaic of all sources, drawn tile by tile into canvases. As all tiles come
// from one video, they cannot get out of step.
class Player {
  /** Handlers: onframe(index), onstate(playing), onnote(text). */
  constructor(video, scanner, handlers) {
    Object.assign(this, { video, scanner, handlers, panes: [], frame: 0, clip: null, scan: 0 });
    this.view = { zoom: 1, x: 0.5, y: 0.5 };
    video.addEventListener("play", () => this.follow());
    for (const name of ["play", "pause"]) video.addEventListener(name, () => handlers.onstate(!video.paused));
    video.addEventListener("seeked", () => this.draw());
    video.addEventListener("loadeddata", () => this.draw());
    video.addEventListener("error", () => handlers.onnote("This browser cannot play H.264 video: only the still is shown."));
    // A canvas has as many pixels as the screen shows of it.
    this.sizes = new ResizeObserver(() => this.draw());
  }

  open(clip, folder) {
    this.clip = clip;
    this.scan += 1;
    this.video.pause();
    this.video.src = this.scanner.src = `${folder}/${clip.video}`;
    this.still = new Image();
    this.still.onload = () => this.draw();
    this.still.src = `${folder}/${clip.still}`;
    this.atlases = new Map();
    this.view = { zoom: 1, x: 0.5, y: 0.5 };
    this.seek(clip.still_at);
  }

  /** The canvases to draw, each with the tile ("frames sosr") that it shows. */
  show(panes) {
    this.sizes.disconnect();
    this.panes = panes.filter((pane) => this.clip.tiles[pane.tile]);
    for (const pane of this.panes) this.sizes.observe(pane.canvas);
    this.draw();
  }

  get count() { return this.clip.numbers.length; }

  seek(frame) {
    this.frame = (frame + this.count) % this.count;
    this.video.currentTime = (this.frame + 0.5) / this.clip.fps;
    this.handlers.onframe(this.frame);
    this.draw();
  }

  step(by) {
    this.video.pause();
    this.seek(this.frame + by);
  }

  toggle() {
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  follow() {
    const next = (_, about) => {
      this.frame = Math.min(this.count - 1, Math.floor(about.mediaTime * this.clip.fps + 0.01));
      this.handlers.onframe(this.frame);
      this.draw();
      if (!this.video.paused) this.video.requestVideoFrameCallback(next);
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
    else {
      const tick = () => {
        next(0, { mediaTime: this.video.currentTime });
        if (!this.video.paused) requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    }
  }

  /** The part of a tile that is shown: left, top, width, height in its pixels. */
  part() {
    const [width, height] = this.clip.size;
    const [w, h] = [width / this.view.zoom, height / this.view.zoom];
    const within = (centre, size, whole) => Math.min(Math.max(centre * whole - size / 2, 0), whole - size);
    return [within(this.view.x, w, width), within(this.view.y, h, height), w, h];
  }

  /** Zoom about a point of the view, both sides in 0..1. */
  zoom(to, x = 0.5, y = 0.5) {
    const [width, height] = this.clip.size;
    const [left, top, w, h] = this.part();
    const [px, py] = [left + x * w, top + y * h];
    const zoom = Math.min(Math.max(to, 1), 8);
    this.view = { zoom, x: (px + ((0.5 - x) * width) / zoom) / width, y: (py + ((0.5 - y) * height) / zoom) / height };
    this.settle();
  }

  pan(dx, dy) {
    this.view.x -= dx / this.view.zoom;
    this.view.y -= dy / this.view.zoom;
    this.settle();
  }

  /** Keep the view's centre where the part that is shown really lies. */
  settle() {
    const [left, top, w, h] = this.part();
    this.view.x = (left + w / 2) / this.clip.size[0];
    this.view.y = (top + h / 2) / this.clip.size[1];
    this.draw();
  }

  get lossless() {
    const loaded = this.still?.complete && this.still.naturalWidth > 0;
    return loaded && this.video.paused && this.frame === this.clip.still_at;
  }

  draw() {
    if (!this.clip) return;
    const source = this.lossless ? this.still : this.video;
    if (source === this.video && this.video.readyState < 2) return;
    const [left, top, w, h] = this.part();
    for (const { canvas, tile } of this.panes) {
      const shown = Math.min(devicePixelRatio, 2);
      const [width, height] = [canvas.clientWidth * shown, canvas.clientHeight * shown].map(Math.round);
      if (!width || !height) continue;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const brush = canvas.getContext("2d");
      brush.imageSmoothingEnabled = false; // pixels stay pixels
      const [x, y] = this.clip.tiles[tile];
      brush.drawImage(source, x + left, y + top, w, h, 0, 0, width, height);
    }
    this.handlers.ondraw?.(this.lossless);
  }

  /** All frames of some tiles, one below the other, for the temporal profiles: canvases by tile. */
  async atlas(tiles) {
    const missing = tiles.filter((tile) => this.clip.tiles[tile] && !this.atlases.has(tile));
    if (!missing.length) return this.atlases;
    const [clip, scan] = [this.clip, (this.scan += 1)];
    const [width, height] = clip.size;
    const made = missing.map((tile) => [tile, Object.assign(document.createElement("canvas"), { width, height: height * this.count })]);
    const once = (name) => new Promise((resolve, reject) => {
      this.scanner.addEventListener(name, resolve, { once: true });
      this.scanner.addEventListener("error", reject, { once: true });
    });
    if (this.scanner.readyState < 2) await once("loadeddata");
    for (let frame = 0; frame < clip.numbers.length; frame += 1) {
      if (scan !== this.scan) return null; // another clip or row was chosen meanwhile
      const ready = once("seeked");
      this.scanner.currentTime = (frame + 0.5) / clip.fps;
      await ready;
      for (const [tile, canvas] of made) {
        const [x, y] = clip.tiles[tile];
        canvas.getContext("2d").drawImage(this.scanner, x, y, width, height, 0, frame * height, width, height);
      }
    }
    for (const [tile, canvas] of made) this.atlases.set(tile, canvas);
    return this.atlases;
  }
}
