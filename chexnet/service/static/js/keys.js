// Single-key shortcuts, which can be switched off (WCAG 2.1.4).

import { make } from "./dom.js";

/** Rows of the help: key, what it does. */
export function drawKeys(body, shortcuts) {
  const rows = shortcuts.filter(([shown]) => shown);
  body.replaceChildren(...rows.map(([shown, does]) => make("tr", {}, make("th", { scope: "row" }, shown), make("td", {}, does))));
}

export function bindKeys(shortcuts, on) {
  const actions = new Map(shortcuts.flatMap(([, , keys, action]) => keys.map((key) => [key, action])));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !on()) return;
    if (document.querySelector("dialog[open]") || types(event.target)) return;
    const action = actions.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** Whether the element wants keys for itself. */
function types(element) {
  return element.matches("input, select, textarea, summary, pre, [contenteditable]");
}
