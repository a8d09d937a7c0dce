// Single-key shortcuts, which can be switched off (WCAG 2.1.4).

import { element, make } from "./dom.js";

/**
 * @typedef {object} Shortcut
 * @property {string} [shown] how the key is named in the help; without it, the one before says both.
 * @property {string} [does]
 * @property {string[]} keys
 * @property {() => void} [action]
 * @property {() => void} [released] for keys that act while they are held.
 */

/**
 * Rows of the help: key, what it does.
 * @param {Shortcut[]} shortcuts
 */
export function drawKeys(shortcuts) {
  const rows = shortcuts.filter(({ shown }) => shown);
  element(HTMLTableElement, "keys-table").tBodies[0].replaceChildren(
    ...rows.map(({ shown, does }) => make("tr", {}, make("th", { scope: "row" }, shown), make("td", {}, does))),
  );
}

/** @param {Shortcut[]} shortcuts */
export function bindKeys(shortcuts) {
  const actions = new Map(shortcuts.flatMap((shortcut) => shortcut.keys.map((key) => [key, shortcut])));
  const find = (/** @type {KeyboardEvent} */ event) => actions.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (!element(HTMLInputElement, "keys-on").checked) return;
    if (document.querySelector("dialog[open]") || types(event.target)) return;
    const shortcut = find(event);
    if (!shortcut?.action) return;
    event.preventDefault();
    if (!event.repeat || !shortcut.released) shortcut.action();
  });
  document.addEventListener("keyup", (event) => find(event)?.released?.());
}

/**
 * Whether the element wants keys for itself.
 * @param {EventTarget | null} target
 */
function types(target) {
  return target instanceof Element && target.matches("input, select, textarea, summary, pre, [contenteditable]");
}
