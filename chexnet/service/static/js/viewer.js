// One pane: OpenSeadragon moves the view (wheel, pinch, drag, springs); the canvas on top draws film, map, ruler.

import { AS_READ, colour, evidenceColour, shade, valueAt } from "./pixels.js";

/* global OpenSeadragon */

const NARROWEST = 0.02;
const KEY_STEP = 0.08;

export class Viewer extends EventTarget {
  /**
   * @param {HTMLElement} holder gets the pane.
   * @param {string} label for screen readers.
   */
  constructor(holder, label) {
    super();
    this.pane = document.createElement("div");
    this.pane.className = "pane";
    this.pane.tabIndex = 0;
    this.pane.setAttribute("role", "application");
    this.pane.setAttribute("aria-roledescription", "film viewer");
    this.pane.setAttribute("aria-label", label);
    this.stage = document.createElement("div");
    this.stage.className = "stage";
    // Beneath the film and not on it: side markers and burned-in text lie in its corners.
    const caption = document.createElement("div");
    caption.className = "caption";
    this.captions = Object.fromEntries(
      ["name", "projection", "readout", "state"].map((what) => {
        const part = document.createElement("span");
        part.className = what;
        caption.append(part);
        return [what, part];
      }),
    );
    this.pane.append(this.stage, caption);
    holder.append(this.pane);
    this.film = null;
    this.facts = null;
    this.layer = null;
    this.opacity = 0.6;
    this.tool = "window";
    this.window = { ...AS_READ };
    this.ruler = [];
    this.crosshair = null;
    this.cursor = null;
    this.shaded = document.createElement("canvas");
    this.coloured = document.createElement("canvas");
    this.#open();
    this.canvas = document.createElement("canvas");
    this.canvas.className = "drawn";
    this.view.canvas.append(this.canvas);
    new ResizeObserver(() => this.redraw()).observe(this.stage);
    this.pane.addEventListener("pointermove", (event) => this.#pointAt(event));
    this.pane.addEventListener("pointerleave", () => this.#pointAt(null));
    this.pane.addEventListener("keydown", (event) => this.#key(event));
  }

  #open() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const element = document.createElement("div");
    element.className = "view";
    this.stage.append(element);
    this.view = OpenSeadragon({
      element,
      drawer: "canvas",
      tabIndex: -1,
      showNavigationControl: false,
      animationTime: still ? 0.001 : 0.25,
      visibilityRatio: 0.35,
      minZoomImageRatio: 0.7,
      maxZoomPixelRatio: 12,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: false, flickEnabled: false },
      gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: false, flickEnabled: false, pinchRotate: false },
      gestureSettingsPen: { clickToZoom: false, dblClickToZoom: false, flickEnabled: false },
    });
    for (const event of ["viewport-change", "animation", "resize", "open"]) {
      this.view.addHandler(event, () => this.redraw());
    }
    // A film that fitted the pane goes on fitting it; one that was moved stays where it was put.
    this.view.addHandler("open", () => (this.fitted = true));
    for (const event of ["canvas-scroll", "canvas-pinch"]) this.view.addHandler(event, () => (this.fitted = false));
    this.view.addHandler("viewport-change", () => this.dispatchEvent(new Event("moved")));
    // Keys are handled by the pane, so that they are the same whatever has the focus inside.
    this.view.addHandler("canvas-key", (event) => (event.preventDefaultAction = true));
    this.view.addHandler("canvas-press", (event) => this.#press(event));
    this.view.addHandler("canvas-drag", (event) => this.#drag(event));
    this.view.addHandler("canvas-release", () => this.#release());
  }

  /** Show a film and its facts. */
  show(film, facts) {
    this.film = film;
    this.facts = facts;
    this.layer = null;
    this.ruler = [];
    this.window = { ...AS_READ };
    delete this.pane.dataset.drawn;
    this.view.open({
      width: film.width,
      height: film.height,
      tileSize: Math.max(film.width, film.height),
      minLevel: 0,
      maxLevel: 0,
      // The film is drawn from its grey values; there is nothing to load.
      tileExists: () => false,
      getTileUrl: () => "",
    });
    this.#shade();
    this.dispatchEvent(new Event("windowed"));
  }

  /** No film, but words: what was seen is another one's, or there is nothing to be seen. */
  blank(words) {
    this.film = this.facts = this.layer = this.maps = null;
    this.ruler = [];
    this.crosshair = null;
    delete this.pane.dataset.drawn;
    for (const part of Object.values(this.captions)) part.textContent = "";
    this.captions.name.textContent = words;
    this.pane.setAttribute("aria-label", words);
    this.redraw();
  }

  /** Show evidence over the film, or null for the bare film; `fullScale` is what full colour means. */
  overlay(layer, fullScale) {
    this.layer = layer;
    if (layer) colour(this.coloured, layer.evidence, fullScale);
    this.redraw();
  }

  setOpacity(opacity) {
    this.opacity = opacity;
    this.redraw();
  }

  setWindow(window) {
    this.window = {
      ...this.window,
      ...window,
      width: Math.min(4, Math.max(NARROWEST, window.width ?? this.window.width)),
      centre: Math.min(1.5, Math.max(-0.5, window.centre ?? this.window.centre)),
    };
    this.#shade();
    this.dispatchEvent(new Event("windowed"));
  }

  setTool(tool) {
    this.tool = tool;
    this.pane.dataset.tool = tool;
    this.crosshair = null;
    this.redraw();
  }

  reset() {
    this.ruler = [];
    this.crosshair = null;
    this.fitted = true;
    this.view.viewport?.goHome(true);
    this.setWindow({ ...AS_READ });
  }

  zoom(factor) {
    this.fitted = false;
    this.view.viewport?.zoomBy(factor);
    this.view.viewport?.applyConstraints();
  }

  /** Take over another pane's place and magnification. */
  follow(other) {
    const [from, to] = [other.view.viewport, this.view.viewport];
    if (!this.film || !other.film || !from || !to) return;
    this.fitted = other.fitted;
    to.panTo(from.getCenter(true), true);
    to.zoomTo(from.getZoom(true), null, true);
  }

  close() {
    this.view.destroy();
    this.pane.remove();
  }

  /** Draw with the next frame. */
  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.#draw();
    });
  }

  #shade() {
    if (this.shading || !this.film) return;
    this.shading = requestAnimationFrame(() => {
      this.shading = 0;
      // The film may have been taken away since.
      if (!this.film) return;
      shade(this.shaded, this.film, this.window);
      this.#draw();
    });
  }

  #draw() {
    const viewport = this.view.viewport;
    if (this.fitted && viewport && Math.abs(viewport.getZoom() / viewport.getHomeZoom() - 1) > 1e-6) {
      viewport.goHome(true);
    }
    const ratio = devicePixelRatio;
    const { clientWidth, clientHeight } = this.stage;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    if (!this.film || !this.view.viewport || !this.view.isOpen()) return;
    const from = this.toScreen({ x: 0, y: 0 });
    const to = this.toScreen({ x: this.film.width, y: this.film.height });
    const place = [from.x * ratio, from.y * ratio, (to.x - from.x) * ratio, (to.y - from.y) * ratio];
    context.imageSmoothingQuality = "high";
    context.drawImage(this.shaded, ...place);
    if (this.layer) {
      context.globalAlpha = this.opacity;
      context.drawImage(this.coloured, ...place);
      context.globalAlpha = 1;
    }
    context.scale(ratio, ratio);
    this.#drawScaleBar(context, clientHeight);
    this.#drawRuler(context);
    context.setTransform(1, 0, 0, 1, 0, 0);
    this.pane.dataset.drawn = "yes";
    const zoom = (to.x - from.x) / (this.facts?.width ?? this.film.width);
    const { centre, width: wide } = this.window;
    this.captions.state.textContent =
      `${Math.round(zoom * 100)} %   W ${Math.round(wide * 100)}  L ${Math.round(centre * 100)}`;
  }

  /** Film pixels to pixels of the pane. */
  toScreen(point) {
    const scale = 1 / this.film.width;
    const there = new OpenSeadragon.Point(point.x * scale, point.y * scale);
    return this.view.viewport.viewportToViewerElementCoordinates(there, true);
  }

  /** Pixels of the pane to film pixels. */
  toFilm(x, y) {
    const there = this.view.viewport.viewerElementToViewportCoordinates(new OpenSeadragon.Point(x, y));
    return { x: there.x * this.film.width, y: there.y * this.film.width };
  }

  /** Millimetres between two points of the film; null where its file gives no spacing. */
  millimetres(a, b) {
    const spacing = this.facts?.pixel_spacing_mm;
    if (!spacing) return null;
    const scale = this.facts.width / this.film.width;
    return Math.hypot((b.y - a.y) * scale * spacing[0], (b.x - a.x) * scale * spacing[1]);
  }

  #drawScaleBar(context, height) {
    const one = this.millimetres({ x: 0, y: 0 }, { x: 1, y: 0 });
    if (!one) return;
    const perMm = (this.toScreen({ x: 1, y: 0 }).x - this.toScreen({ x: 0, y: 0 }).x) / one;
    const length = [200, 100, 50, 20, 10, 5, 2, 1].find((mm) => mm * perMm < 160) ?? 1;
    const [x, y, end] = [14, height - 16, 14 + length * perMm];
    outlined(context, () => {
      context.moveTo(x, y - 6);
      context.lineTo(x, y);
      context.lineTo(end, y);
      context.lineTo(end, y - 6);
    });
    label(context, length >= 10 ? `${length / 10} cm` : `${length} mm`, x, y - 10);
  }

  #drawRuler(context) {
    const points = this.ruler.map((point) => this.toScreen(point));
    if (this.crosshair) {
      const { x, y } = this.toScreen(this.crosshair);
      outlined(context, () => {
        context.moveTo(x - 12, y);
        context.lineTo(x + 12, y);
        context.moveTo(x, y - 12);
        context.lineTo(x, y + 12);
      });
    }
    for (const { x, y } of points) outlined(context, () => context.arc(x, y, 4, 0, 7));
    if (points.length < 2) return;
    const [a, b] = points;
    outlined(context, () => {
      context.moveTo(a.x, a.y);
      context.lineTo(b.x, b.y);
    });
    const right = Math.max(a.x, b.x);
    label(context, this.measured(), right + 90 < this.stage.clientWidth ? right + 10 : Math.min(a.x, b.x) - 80, b.y - 8);
  }

  /** The ruler's length in words. */
  measured() {
    if (this.ruler.length < 2) return "";
    const [a, b] = this.ruler;
    const mm = this.millimetres(a, b);
    if (mm !== null) return `${mm.toFixed(mm < 100 ? 1 : 0)} mm`;
    const scale = (this.facts?.width ?? this.film.width) / this.film.width;
    return `${Math.round(Math.hypot(b.x - a.x, b.y - a.y) * scale)} pixels`;
  }

  #press(event) {
    if (this.tool !== "ruler" || !this.film) return;
    const point = this.toFilm(event.position.x, event.position.y);
    this.pressed = point;
    this.#mark(point);
  }

  /** First a beginning, then an end, then a new beginning. */
  #mark(point) {
    this.ruler = this.ruler.length === 1 ? [this.ruler[0], point] : [point];
    if (this.ruler.length === 2) this.#announce();
    this.redraw();
  }

  #drag(event) {
    const panning = this.tool === "pan" || event.originalEvent?.shiftKey;
    event.preventDefaultAction = !panning;
    if (panning) this.fitted = false;
    if (panning || !this.film) return;
    if (this.tool === "ruler") {
      this.ruler = [this.ruler.length === 2 ? this.ruler[0] : this.pressed, this.toFilm(event.position.x, event.position.y)];
      this.redraw();
      return;
    }
    // A drag across the whole pane spans the whole grey scale.
    const span = Math.max(200, this.stage.clientWidth);
    const { centre, width } = this.window;
    this.setWindow({ width: width + event.delta.x / span, centre: centre + event.delta.y / span });
  }

  #release() {
    if (this.tool === "ruler" && this.ruler.length === 2) this.#announce();
  }

  #announce() {
    const how = this.facts?.pixel_spacing_mm ? ", as the file gives the pixel spacing; magnification is not corrected" : "";
    this.dispatchEvent(new CustomEvent("measured", { detail: `Measured ${this.measured()}${how}.` }));
  }

  #key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!this.film || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.tool === "ruler" && (step || event.key === "Enter")) {
      event.preventDefault();
      this.#steer(step);
    } else if (step) {
      event.preventDefault();
      this.fitted = false;
      const { width, height } = this.view.viewport.getBounds();
      this.view.viewport.panBy(new OpenSeadragon.Point(step[0] * KEY_STEP * width, step[1] * KEY_STEP * height));
      this.view.viewport.applyConstraints();
    }
  }

  /** The ruler by keyboard: arrows move a cross, Enter sets its points. */
  #steer(step) {
    const { clientWidth, clientHeight } = this.stage;
    this.crosshair ??= this.toFilm(clientWidth / 2, clientHeight / 2);
    if (step) {
      const far = this.toFilm(10, 0).x - this.toFilm(0, 0).x;
      this.crosshair = { x: this.crosshair.x + step[0] * far, y: this.crosshair.y + step[1] * far };
    } else {
      this.#mark({ ...this.crosshair });
    }
    this.redraw();
  }

  #pointAt(event) {
    if (!event || !this.film || !this.view.isOpen()) {
      this.captions.readout.textContent = "";
      return;
    }
    const box = this.stage.getBoundingClientRect();
    const { x, y } = this.toFilm(event.clientX - box.left, event.clientY - box.top);
    const inside = x >= 0 && y >= 0 && x < this.film.width && y < this.film.height;
    if (!inside) {
      this.captions.readout.textContent = "";
      return;
    }
    const grey = this.film.grey[Math.floor(y) * this.film.width + Math.floor(x)] / (2 ** this.film.bits - 1);
    const parts = [`grey ${Math.round(grey * 100)} %`];
    if (this.layer) {
      const value = valueAt(this.layer.evidence, x / this.film.width, y / this.film.height);
      parts.push(`evidence ${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(1)}`);
    }
    this.captions.readout.textContent = parts.join("   ");
  }
}

/** Draw the colour bar from against to for. */
export function drawLegend(canvas) {
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x++) {
    const value = (2 * x) / (canvas.width - 1) - 1;
    const [red, green, blue, strength] = evidenceColour(value, 1);
    context.fillStyle = "rgb(90 90 90)";
    context.fillRect(x, 0, 1, canvas.height);
    context.fillStyle = `rgb(${red} ${green} ${blue} / ${0.1 + 0.9 * strength})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}

function outlined(context, path) {
  for (const [style, width] of [["rgb(0 0 0 / 0.7)", 4], ["rgb(255 226 120)", 1.6]]) {
    context.beginPath();
    path();
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke();
  }
}

function label(context, text, x, y) {
  context.font = "600 13px system-ui, sans-serif";
  context.lineWidth = 4;
  context.strokeStyle = "rgb(0 0 0 / 0.8)";
  context.strokeText(text, x, y);
  context.fillStyle = "rgb(255 226 120)";
  context.fillText(text, x, y);
}
