// The toolbar: what dragging does, zoom, window, wash.

import { byId, element } from "./dom.js";

/** @import { Screen } from "./screen.js" */

/** @type {HTMLButtonElement[]} */
const buttons = [...document.querySelectorAll("button")].filter((button) => button.dataset.tool);

/**
 * The tools of a screen, for buttons and for keys.
 * @param {Screen} screen
 */
export function toolsOf(screen) {
  const setTool = (/** @type {string} */ name) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.tool === name));
    screen.setTool(name);
  };
  const setOpacity = (/** @type {number} */ value) => {
    const slider = element(HTMLInputElement, "opacity");
    slider.value = String(value);
    byId("opacity-value").textContent = `${slider.value} %`;
    screen.setOpacity(Number(slider.value) / 100);
  };
  const changeOpacity = (/** @type {number} */ by) => setOpacity(Number(element(HTMLInputElement, "opacity").value) + by);
  const setWash = (/** @type {boolean} */ on) => {
    byId("map-toggle").setAttribute("aria-pressed", String(on));
    screen.setWash(on);
  };
  const toggleWash = () => setWash(!screen.washed);
  const invert = () => {
    const inverted = byId("invert").getAttribute("aria-pressed") !== "true";
    for (const viewer of screen.viewers) viewer.setWindow({ inverted });
    byId("invert").setAttribute("aria-pressed", String(inverted));
  };
  const reset = () => screen.viewers.forEach((viewer) => viewer.reset());
  const zoom = (/** @type {number} */ factor) => screen.main?.zoom(factor);
  const fit = () => screen.viewers.forEach((viewer) => viewer.fit());
  const pixels = () => screen.main?.zoomToPixels();
  return { setTool, setOpacity, changeOpacity, setWash, toggleWash, invert, reset, zoom, fit, pixels };
}

/**
 * @param {Screen} screen
 * @param {ReturnType<typeof toolsOf>} tools
 */
export function bindTools(screen, tools) {
  for (const button of buttons) button.addEventListener("click", () => tools.setTool(button.dataset.tool ?? ""));
  const [opacity, contrast, brightness] = ["opacity", "contrast", "brightness"].map((id) => element(HTMLInputElement, id));
  opacity.addEventListener("input", () => tools.setOpacity(Number(opacity.value)));
  byId("map-toggle").addEventListener("click", tools.toggleWash);
  byId("invert").addEventListener("click", tools.invert);
  byId("reset").addEventListener("click", tools.reset);
  byId("zoom-in").addEventListener("click", () => tools.zoom(1.3));
  byId("zoom-out").addEventListener("click", () => tools.zoom(1 / 1.3));
  const linked = element(HTMLInputElement, "linked");
  linked.addEventListener("change", () => (screen.linked = linked.checked));
  // The same window as by dragging, for those who cannot drag: contrast is the narrowness of the window.
  contrast.addEventListener("input", () => screen.main?.setWindow({ width: Math.pow(0.03, Number(contrast.value) / 100) }));
  brightness.addEventListener("input", () => screen.main?.setWindow({ centre: 1 - Number(brightness.value) / 100 }));
  screen.addEventListener("windowed", () => {
    if (!screen.main) return;
    const { centre, width, inverted } = screen.main.window;
    contrast.value = String(Math.round((100 * Math.log(Math.min(1, width))) / Math.log(0.03)));
    brightness.value = String(Math.round(100 * (1 - centre)));
    byId("invert").setAttribute("aria-pressed", String(inverted));
  });
}
