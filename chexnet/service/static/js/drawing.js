// What is drawn over an image: lines and words that can be read on black and on white, and the colour bar.

import { contextOf, evidenceColour } from "./pixels.js";

/** @import { Point } from "./types.js" */

const INK = "rgb(255 226 120)";
const CONTOUR = "rgb(255 145 60)";

/**
 * Stroke a path in a light colour on a dark edge.
 * @param {CanvasRenderingContext2D} context
 * @param {() => void} path
 * @param {string} ink
 */
export function outlined(context, path, ink = INK) {
  for (const [style, width] of /** @type {[string, number][]} */ ([["rgb(0 0 0 / 0.7)", 4], [ink, 1.6]])) {
    context.beginPath();
    path();
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke();
  }
}

/**
 * Write words with a dark edge.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {string} ink
 */
export function label(context, text, x, y, ink = INK) {
  context.font = "600 13px system-ui, sans-serif";
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = "rgb(0 0 0 / 0.8)";
  context.strokeText(text, x, y);
  context.fillStyle = ink;
  context.fillText(text, x, y);
}

/**
 * Outline where a finding is seen, with its name at the first outline.
 * @param {CanvasRenderingContext2D} context
 * @param {Point[][]} outlines in pixels of the pane.
 * @param {string} name
 * @param {boolean} doubtful dashed: a call that was seldom right in the test.
 */
export function drawContour(context, outlines, name, doubtful) {
  context.setLineDash(doubtful ? [7, 5] : []);
  for (const outline of outlines) outlined(context, () => trace(context, outline), CONTOUR);
  context.setLineDash([]);
  const [first] = outlines;
  if (!first?.length) return;
  const top = first.reduce((highest, point) => (point.y < highest.y ? point : highest));
  const width = context.measureText(name).width;
  const x = Math.min(Math.max(4, top.x - width / 2), context.canvas.clientWidth - width - 4);
  label(context, name, x, Math.max(16, top.y - 7), CONTOUR);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} outline
 */
function trace(context, outline) {
  outline.forEach(({ x, y }, index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
}

/**
 * Draw a cross.
 * @param {CanvasRenderingContext2D} context
 * @param {Point} at
 */
export function drawCross(context, { x, y }) {
  outlined(context, () => {
    context.moveTo(x - 12, y);
    context.lineTo(x + 12, y);
    context.moveTo(x, y - 12);
    context.lineTo(x, y + 12);
  });
}

/**
 * Draw a line between two points.
 * @param {CanvasRenderingContext2D} context
 * @param {Point} a
 * @param {Point} b
 */
export function drawLine(context, a, b) {
  outlined(context, () => {
    context.moveTo(a.x, a.y);
    context.lineTo(b.x, b.y);
  });
}

/**
 * Draw a scale bar in the lower left corner.
 * @param {CanvasRenderingContext2D} context
 * @param {number} height of the pane.
 * @param {number} perMm pixels of the pane per millimetre.
 */
export function drawScaleBar(context, height, perMm) {
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

/**
 * Draw the colour bar from against to for.
 * @param {HTMLCanvasElement} canvas
 */
export function drawColourBar(canvas) {
  const context = contextOf(canvas);
  for (let x = 0; x < canvas.width; x++) {
    const value = (2 * x) / (canvas.width - 1) - 1;
    const [red, green, blue, strength] = evidenceColour(value, 1);
    context.fillStyle = "rgb(90 90 90)";
    context.fillRect(x, 0, 1, canvas.height);
    context.fillStyle = `rgb(${red} ${green} ${blue} / ${0.1 + 0.9 * strength})`;
    context.fillRect(x, 0, 1, canvas.height);
  }
}
