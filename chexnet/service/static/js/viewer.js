// One pane: OpenSeadragon moves the view (wheel, pinch, drag, springs); the canvas on top draws what is seen.

import { drawContour, drawScaleBar } from "./drawing.js";
import { AS_READ, colour, contextOf, shade, valueAt } from "./pixels.js";
import { Ruler, millimetres } from "./ruler.js";
import { makePane, openNothing, openView } from "./view.js";

/** @import { GreyWindow, Layer, Pixels, Point, Radiograph } from "./types.js" */

/**
 * A called finding on the image.
 * @typedef {{ name: string, contours: [number, number][][], doubtful: boolean, quiet: boolean }} Mark
 */

const NARROWEST = 0.02;
const KEY_STEP = 0.08;

/** @type {Record<string, [number, number]>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Viewer extends EventTarget {
  /**
   * @param {HTMLElement} holder gets the pane.
   * @param {string} label for screen readers.
   */
  constructor(holder, label) {
    super();
    const { pane, stage, captions } = makePane(label);
    this.pane = pane;
    this.stage = stage;
    this.captions = captions;
    holder.append(this.pane);
    /** @type {Pixels | null} */
    this.image = null;
    /** @type {Radiograph | null} */
    this.facts = null;
    /** @type {Record<string, Layer>} */
    this.maps = {};
    /** @type {Layer | null} */
    this.layer = null;
    /** @type {Mark[]} */
    this.marks = [];
    this.opacity = 0.6;
    this.tool = "window";
    /** @type {GreyWindow} */
    this.window = { ...AS_READ };
    this.ruler = new Ruler();
    this.fitted = true;
    this.waiting = this.shading = 0;
    this.shaded = document.createElement("canvas");
    this.coloured = document.createElement("canvas");
    this.view = this.#open();
    this.canvas = document.createElement("canvas");
    this.canvas.className = "drawn";
    this.view.canvas.append(this.canvas);
    new ResizeObserver(() => this.redraw()).observe(this.stage);
    this.pane.addEventListener("pointermove", (event) => this.#pointAt(event));
    this.pane.addEventListener("pointerleave", () => this.#pointAt(null));
    this.pane.addEventListener("keydown", (event) => this.#key(event));
  }

  #open() {
    const holder = document.createElement("div");
    holder.className = "view";
    this.stage.append(holder);
    const view = openView(holder);
    const redraw = () => this.redraw();
    for (const event of /** @type {const} */ (["viewport-change", "animation", "resize"])) view.addHandler(event, redraw);
    // An image that fitted the pane goes on fitting it; one that was moved stays where it was put.
    view.addHandler("open", () => {
      this.fitted = true;
      this.redraw();
    });
    view.addHandler("canvas-scroll", () => void (this.fitted = false));
    view.addHandler("canvas-pinch", () => void (this.fitted = false));
    view.addHandler("canvas-double-click", () => this.fit());
    view.addHandler("viewport-change", () => this.dispatchEvent(new Event("moved")));
    view.addHandler("canvas-press", (event) => this.#press(event.position));
    view.addHandler("canvas-drag", (event) => this.#drag(event));
    view.addHandler("canvas-release", () => this.#release());
    return view;
  }

  /**
   * Show an image and its facts.
   * @param {Pixels} image
   * @param {Radiograph | null} facts
   */
  show(image, facts) {
    this.image = image;
    this.facts = facts;
    this.layer = null;
    this.marks = [];
    this.ruler.clear();
    this.window = { ...AS_READ };
    delete this.pane.dataset.drawn;
    openNothing(this.view, image);
    this.#shade();
    this.dispatchEvent(new Event("windowed"));
  }

  /**
   * No image, but words: what was seen is another one's, or there is nothing to be seen.
   * @param {string} words
   */
  blank(words) {
    this.image = this.facts = this.layer = null;
    this.maps = {};
    this.marks = [];
    this.ruler.clear();
    delete this.pane.dataset.drawn;
    for (const part of Object.values(this.captions)) part.textContent = "";
    this.captions.name.textContent = words;
    this.pane.setAttribute("aria-label", words);
    this.redraw();
  }

  /**
   * Wash evidence over the image, or nothing.
   * @param {Layer | null} layer
   * @param {number} fullScale what full colour means.
   */
  wash(layer, fullScale) {
    this.layer = layer;
    if (layer) colour(this.coloured, layer.evidence, fullScale);
    this.redraw();
  }

  /**
   * Outline these findings.
   * @param {Mark[]} marks
   */
  outline(marks) {
    this.marks = marks;
    this.pane.dataset.outlined = marks.filter((mark) => mark.contours.length).map((mark) => mark.name).join(", ");
    this.redraw();
  }

  /** @param {number} opacity from 0 to 1. */
  setOpacity(opacity) {
    this.opacity = opacity;
    this.redraw();
  }

  /** @param {Partial<GreyWindow>} window what changes of it. */
  setWindow(window) {
    this.window = {
      inverted: window.inverted ?? this.window.inverted,
      width: Math.min(4, Math.max(NARROWEST, window.width ?? this.window.width)),
      centre: Math.min(1.5, Math.max(-0.5, window.centre ?? this.window.centre)),
    };
    this.#shade();
    this.dispatchEvent(new Event("windowed"));
  }

  /** @param {string} tool window, pan or ruler. */
  setTool(tool) {
    this.tool = tool;
    this.pane.dataset.tool = tool;
    this.ruler.cross = null;
    this.redraw();
  }

  /** The whole image again. */
  fit() {
    this.fitted = true;
    this.view.viewport?.goHome(true);
    this.redraw();
  }

  reset() {
    this.ruler.clear();
    this.fit();
    this.setWindow({ ...AS_READ });
  }

  /** @param {number} factor */
  zoom(factor) {
    this.fitted = false;
    this.view.viewport?.zoomBy(factor);
    this.view.viewport?.applyConstraints();
  }

  /** One pixel of the file is one pixel of the screen. */
  zoomToPixels() {
    if (!this.image || !this.view.viewport) return;
    this.fitted = false;
    const width = (this.facts?.width ?? this.image.width) / devicePixelRatio;
    this.view.viewport.zoomTo(width / this.stage.clientWidth);
  }

  /**
   * Take over another pane's place and magnification.
   * @param {Viewer} other
   */
  follow(other) {
    const [from, to] = [other.view.viewport, this.view.viewport];
    if (!this.image || !other.image || !from || !to) return;
    this.fitted = other.fitted;
    to.panTo(from.getCenter(true), true);
    to.zoomTo(from.getZoom(true), undefined, true);
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
    if (this.shading || !this.image) return;
    this.shading = requestAnimationFrame(() => {
      this.shading = 0;
      // The image may have been taken away since.
      if (!this.image) return;
      shade(this.shaded, this.image, this.window);
      this.#draw();
    });
  }

  #draw() {
    const viewport = this.view.viewport;
    if (this.fitted && viewport && Math.abs(viewport.getZoom() / viewport.getHomeZoom() - 1) > 1e-6) {
      viewport.goHome(true);
    }
    const ratio = devicePixelRatio;
    // Setting the size clears the canvas.
    this.canvas.width = Math.round(this.stage.clientWidth * ratio);
    this.canvas.height = Math.round(this.stage.clientHeight * ratio);
    const context = contextOf(this.canvas);
    if (!this.image || !viewport || !this.view.isOpen()) return;
    context.scale(ratio, ratio);
    const from = this.toScreen({ x: 0, y: 0 });
    const to = this.toScreen({ x: this.image.width, y: this.image.height });
    context.imageSmoothingQuality = "high";
    context.drawImage(this.shaded, from.x, from.y, to.x - from.x, to.y - from.y);
    if (this.layer) {
      context.globalAlpha = this.opacity;
      context.drawImage(this.coloured, from.x, from.y, to.x - from.x, to.y - from.y);
      context.globalAlpha = 1;
    }
    this.#drawOver(context, this.image, (to.x - from.x) / this.image.width);
    context.setTransform(1, 0, 0, 1, 0, 0);
    this.pane.dataset.drawn = "yes";
    const zoom = (to.x - from.x) / (this.facts?.width ?? this.image.width);
    const { centre, width: wide } = this.window;
    this.captions.state.textContent =
      `${Math.round(zoom * 100)} %   W ${Math.round(wide * 100)}  L ${Math.round(centre * 100)}`;
  }

  /**
   * Contours, scale bar and ruler.
   * @param {CanvasRenderingContext2D} context
   * @param {Pixels} image
   * @param {number} scale pixels of the pane per pixel of the image.
   */
  #drawOver(context, image, scale) {
    const toScreen = (/** @type {Point} */ point) => this.toScreen(point);
    // Contours are in pixels of the file, which the server may have scaled down.
    const share = image.width / (this.facts?.width ?? image.width);
    for (const { name, contours, doubtful, quiet } of this.marks) {
      const outlines = contours.map((contour) => contour.map(([x, y]) => toScreen({ x: x * share, y: y * share })));
      context.globalAlpha = quiet ? 0.45 : 1;
      drawContour(context, outlines, name, doubtful);
      context.globalAlpha = 1;
    }
    const mm = millimetres({ x: 0, y: 0 }, { x: 1, y: 0 }, image, this.facts);
    if (mm) drawScaleBar(context, this.stage.clientHeight, scale / mm);
    this.ruler.draw(context, toScreen, this.#measured(), this.stage.clientWidth);
  }

  /**
   * Image pixels to pixels of the pane.
   * @param {Point} point
   */
  toScreen(point) {
    const scale = 1 / (this.image?.width ?? 1);
    const there = new OpenSeadragon.Point(point.x * scale, point.y * scale);
    return this.view.viewport.viewportToViewerElementCoordinates(there);
  }

  /**
   * Pixels of the pane to image pixels.
   * @param {number} x
   * @param {number} y
   */
  toImage(x, y) {
    const width = this.image?.width ?? 1;
    const there = this.view.viewport.viewerElementToViewportCoordinates(new OpenSeadragon.Point(x, y));
    return { x: there.x * width, y: there.y * width };
  }

  #measured() {
    return this.image ? this.ruler.measured(this.image, this.facts) : "";
  }

  /** @param {Point} position */
  #press({ x, y }) {
    if (this.tool !== "ruler" || !this.image) return;
    this.ruler.press(this.toImage(x, y));
    if (this.ruler.complete) this.#announce();
    this.redraw();
  }

  /** @param {OpenSeadragon.CanvasDragEvent} event */
  #drag(event) {
    const panning = this.tool === "pan" || /** @type {PointerEvent} */ (event.originalEvent)?.shiftKey;
    event.preventDefaultAction = !panning;
    if (panning) this.fitted = false;
    if (panning || !this.image) return;
    if (this.tool === "ruler") {
      this.ruler.drag(this.toImage(event.position.x, event.position.y));
      this.redraw();
      return;
    }
    this.#dragWindow(event.delta);
  }

  /**
   * A drag across the whole pane spans the whole grey scale.
   * @param {Point} delta
   */
  #dragWindow({ x, y }) {
    const span = Math.max(200, this.stage.clientWidth);
    const { centre, width } = this.window;
    this.setWindow({ width: width + x / span, centre: centre + y / span });
  }

  #release() {
    if (this.tool === "ruler" && this.ruler.complete) this.#announce();
  }

  #announce() {
    const how = this.facts?.pixel_spacing_mm ? ", as the file gives the pixel spacing; magnification is not corrected" : "";
    this.dispatchEvent(new CustomEvent("measured", { detail: `Measured ${this.#measured()}${how}.` }));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = STEPS[event.key];
    if (!this.image || event.ctrlKey || event.metaKey || event.altKey) return;
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

  /**
   * The ruler by keyboard: arrows move a cross, Enter sets its points.
   * @param {[number, number] | undefined} step
   */
  #steer(step) {
    const { clientWidth, clientHeight } = this.stage;
    const cross = (this.ruler.cross ??= this.toImage(clientWidth / 2, clientHeight / 2));
    if (step) {
      const far = this.toImage(10, 0).x - this.toImage(0, 0).x;
      this.ruler.cross = { x: cross.x + step[0] * far, y: cross.y + step[1] * far };
    } else {
      this.ruler.mark({ ...cross });
      if (this.ruler.complete) this.#announce();
    }
    this.redraw();
  }

  /** @param {PointerEvent | null} event */
  #pointAt(event) {
    this.captions.readout.textContent = event && this.image && this.view.isOpen() ? this.#readout(event, this.image) : "";
  }

  /**
   * The grey value under the pointer, and the evidence where it is washed over the image.
   * @param {PointerEvent} event
   * @param {Pixels} image
   */
  #readout(event, image) {
    const box = this.stage.getBoundingClientRect();
    const { x, y } = this.toImage(event.clientX - box.left, event.clientY - box.top);
    if (x < 0 || y < 0 || x >= image.width || y >= image.height) return "";
    const grey = image.grey[Math.floor(y) * image.width + Math.floor(x)] / (2 ** image.bits - 1);
    if (!this.layer) return `grey ${Math.round(grey * 100)} %`;
    const value = valueAt(this.layer.evidence, x / image.width, y / image.height);
    return `grey ${Math.round(grey * 100)} %   evidence ${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(1)}`;
  }
}
