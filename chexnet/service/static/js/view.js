// A pane of the page, and OpenSeadragon as the page uses it: it moves the view and draws nothing.

import { make } from "./dom.js";

/** @import { Pixels } from "./types.js" */

const GESTURES = { clickToZoom: false, dblClickToZoom: false, flickEnabled: false };

/**
 * A view in that element.
 * @param {HTMLElement} element
 */
export function openView(element) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const view = OpenSeadragon({
    element,
    drawer: "canvas",
    tabIndex: -1,
    showNavigationControl: false,
    animationTime: still ? 0.001 : 0.25,
    visibilityRatio: 0.35,
    minZoomImageRatio: 0.7,
    maxZoomPixelRatio: 12,
    gestureSettingsMouse: GESTURES,
    gestureSettingsTouch: { ...GESTURES, pinchRotate: false },
    gestureSettingsPen: GESTURES,
  });
  // Keys are handled by the pane, so that they are the same whatever has the focus inside.
  view.addHandler("canvas-key", (event) => void (event.preventDefaultAction = true));
  return view;
}

/**
 * Make room for an image. The page draws it from its grey values; there is nothing for the view to load.
 * @param {OpenSeadragon.Viewer} view
 * @param {Pixels} image
 */
export function openNothing(view, image) {
  const source = {
    width: image.width,
    height: image.height,
    tileSize: Math.max(image.width, image.height),
    minLevel: 0,
    maxLevel: 0,
    tileExists: () => false,
    getTileUrl: () => "",
  };
  view.open(/** @type {any} */ (source));
}

/**
 * A pane with the stage for an image and a caption beneath it.
 * @param {string} label for screen readers.
 */
export function makePane(label) {
  const captions = {
    name: make("span", { class: "name" }),
    projection: make("span", { class: "projection" }),
    readout: make("span", { class: "readout" }),
    state: make("span", { class: "state" }),
  };
  const stage = make("div", { class: "stage" });
  // Beneath the image and not on it: side markers and burned-in text lie in its corners.
  const caption = make("div", { class: "caption" }, ...Object.values(captions));
  const roles = { role: "application", "aria-roledescription": "image viewer", "aria-label": label };
  const pane = make("div", { class: "pane", tabIndex: 0, ...roles }, stage, caption);
  return { pane, stage, captions };
}
