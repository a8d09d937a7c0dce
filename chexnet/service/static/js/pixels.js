// Grey values and evidence to colours. No drawing on the page here, no network: only arithmetic.

/** @import { GreyWindow, Pixels } from "./types.js" */

/** For and against; the same as in chexnet/classifier/overlay.py. */
export const FOR = [230, 97, 1];
export const AGAINST = [38, 120, 220];

/** The window that shows the image as it was read. */
export const AS_READ = Object.freeze({ centre: 0.5, width: 1, inverted: false });

const MAP_SIDE = 256;

/**
 * Display level 0 to 255 of each possible grey value, under a linear window on [0, 1].
 * @param {number} bits
 * @param {GreyWindow} window
 */
export function displayLevels(bits, { centre, width, inverted }) {
  const highest = 2 ** bits - 1;
  const levels = new Uint32Array(highest + 1);
  const low = centre - width / 2;
  for (let value = 0; value <= highest; value++) {
    const share = Math.min(1, Math.max(0, (value / highest - low) / width));
    const level = Math.round(255 * (inverted ? 1 - share : share));
    // Red, green, blue and opaque, as the bytes lie in ImageData on every machine that runs a browser.
    levels[value] = (255 << 24) | (level << 16) | (level << 8) | level;
  }
  return levels;
}

/**
 * The context of a canvas; a browser that runs this page always has one.
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw on a canvas.");
  return context;
}

/**
 * Draw an image under a window into a canvas of the image's own size.
 * @param {HTMLCanvasElement} canvas
 * @param {Pixels} image
 * @param {GreyWindow} window
 */
export function shade(canvas, image, window) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  const context = contextOf(canvas);
  const shaded = context.createImageData(image.width, image.height);
  const levels = displayLevels(image.bits, window);
  const target = new Uint32Array(shaded.data.buffer);
  const grey = image.grey;
  for (let index = 0; index < grey.length; index++) target[index] = levels[grey[index]];
  context.putImageData(shaded, 0, 0);
}

/**
 * The layer's value at (x, y), both from 0 to 1, bilinear between the centres of its cells.
 * @param {number[][]} layer
 * @param {number} x
 * @param {number} y
 */
export function valueAt(layer, x, y) {
  const rows = layer.length;
  const columns = layer[0].length;
  const row = Math.min(rows - 1, Math.max(0, y * rows - 0.5));
  const column = Math.min(columns - 1, Math.max(0, x * columns - 0.5));
  const top = Math.floor(row);
  const left = Math.floor(column);
  const bottom = Math.min(rows - 1, top + 1);
  const right = Math.min(columns - 1, left + 1);
  const upper = layer[top][left] + (layer[top][right] - layer[top][left]) * (column - left);
  const lower = layer[bottom][left] + (layer[bottom][right] - layer[bottom][left]) * (column - left);
  return upper + (lower - upper) * (row - top);
}

/**
 * The colour of evidence, and how strong it is from 0 to 1.
 * @param {number} value
 * @param {number} fullScale
 * @returns {[number, number, number, number]}
 */
export function evidenceColour(value, fullScale) {
  const [red, green, blue] = value > 0 ? FOR : AGAINST;
  return [red, green, blue, Math.min(1, Math.abs(value) / fullScale)];
}

/**
 * Draw evidence, transparent where there is none. Interpolated before it is coloured: zero stays zero.
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]} evidence
 * @param {number} fullScale
 */
export function colour(canvas, evidence, fullScale) {
  canvas.width = canvas.height = MAP_SIDE;
  const context = contextOf(canvas);
  const coloured = context.createImageData(MAP_SIDE, MAP_SIDE);
  for (let row = 0, index = 0; row < MAP_SIDE; row++) {
    for (let column = 0; column < MAP_SIDE; column++, index += 4) {
      const value = valueAt(evidence, (column + 0.5) / MAP_SIDE, (row + 0.5) / MAP_SIDE);
      const [red, green, blue, strength] = evidenceColour(value, fullScale);
      coloured.data[index] = red;
      coloured.data[index + 1] = green;
      coloured.data[index + 2] = blue;
      coloured.data[index + 3] = Math.round(255 * strength);
    }
  }
  context.putImageData(coloured, 0, 0);
}
