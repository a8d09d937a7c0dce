// Measuring between two points of an image, by pointer or by keyboard.

import { drawCross, drawLine, label, outlined } from "./drawing.js";

/** @import { Pixels, Point, Radiograph } from "./types.js" */

export class Ruler {
  constructor() {
    /** @type {Point[]} none, one or two, in pixels of the image as it was sent. */
    this.points = [];
    /** @type {Point | null} */
    this.cross = null;
    /** @type {Point | null} where the pointer went down last. */
    this.pressed = null;
  }

  clear() {
    this.points = [];
    this.cross = null;
  }

  get complete() {
    return this.points.length === 2;
  }

  /**
   * First a beginning, then an end, then a new beginning.
   * @param {Point} point
   */
  mark(point) {
    this.points = this.points.length === 1 ? [this.points[0], point] : [point];
  }

  /** @param {Point} point */
  press(point) {
    this.pressed = point;
    this.mark(point);
  }

  /**
   * Draw the end along with the pointer.
   * @param {Point} point
   */
  drag(point) {
    this.points = [this.complete ? this.points[0] : (this.pressed ?? point), point];
  }

  /**
   * The length in words: millimetres where the file gives a pixel spacing, else pixels of the file.
   * @param {Pixels} image
   * @param {Radiograph | null} facts
   */
  measured(image, facts) {
    if (!this.complete) return "";
    const [a, b] = this.points;
    const mm = millimetres(a, b, image, facts);
    if (mm !== null) return `${mm.toFixed(mm < 100 ? 1 : 0)} mm`;
    const scale = (facts?.width ?? image.width) / image.width;
    return `${Math.round(Math.hypot(b.x - a.x, b.y - a.y) * scale)} pixels`;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {(point: Point) => Point} toScreen
   * @param {string} measured
   * @param {number} paneWidth
   */
  draw(context, toScreen, measured, paneWidth) {
    if (this.cross) drawCross(context, toScreen(this.cross));
    const points = this.points.map(toScreen);
    for (const { x, y } of points) outlined(context, () => context.arc(x, y, 4, 0, 7));
    if (points.length < 2) return;
    const [a, b] = points;
    drawLine(context, a, b);
    const right = Math.max(a.x, b.x);
    label(context, measured, right + 90 < paneWidth ? right + 10 : Math.min(a.x, b.x) - 80, b.y - 8);
  }
}

/**
 * Millimetres between two points; null where the file gives no spacing.
 * @param {Point} a
 * @param {Point} b
 * @param {Pixels} image
 * @param {Radiograph | null} facts
 */
export function millimetres(a, b, image, facts) {
  const spacing = facts?.pixel_spacing_mm;
  if (!spacing) return null;
  const scale = facts.width / image.width;
  return Math.hypot((b.y - a.y) * scale * spacing[0], (b.x - a.x) * scale * spacing[1]);
}
