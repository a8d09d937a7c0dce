// Which key does what.

import { byId, element } from "./dom.js";

/** @import { FindingList } from "./findings.js" */
/** @import { Shortcut } from "./keys.js" */
/** @import { Worklist } from "./worklist.js" */
/** @import { toolsOf } from "./tools.js" */

/**
 * @param {ReturnType<typeof toolsOf>} tools
 * @param {Worklist} worklist
 * @param {FindingList} findings
 * @returns {Shortcut[]}
 */
export function shortcutsOf(tools, worklist, findings) {
  return [
    { shown: "U", does: "Choose images", keys: ["u"], action: () => byId("files").click() },
    { shown: "↑ ↓, K J", does: "Previous, next finding", keys: ["ArrowUp", "k"], action: () => findings.step(-1) },
    { keys: ["ArrowDown", "j"], action: () => findings.step(1) },
    { shown: "← →, [ ]", does: "Previous, next image", keys: ["[", "ArrowLeft"], action: () => worklist.step(-1) },
    { keys: ["]", "ArrowRight"], action: () => worklist.step(1) },
    { shown: "M", does: "Wash of evidence on or off", keys: ["m"], action: tools.toggleWash },
    {
      shown: "H",
      does: "Wash of evidence while held",
      keys: ["h"],
      action: () => tools.setWash(true),
      released: () => tools.setWash(false),
    },
    { shown: ", .", does: "Less, more opacity of the wash", keys: [","], action: () => tools.changeOpacity(-10) },
    { keys: ["."], action: () => tools.changeOpacity(10) },
    { shown: "W P R", does: "Drag to window, pan, measure", keys: ["w"], action: () => tools.setTool("window") },
    { keys: ["p"], action: () => tools.setTool("pan") },
    { keys: ["r"], action: () => tools.setTool("ruler") },
    { shown: "+ −", does: "Zoom in, out", keys: ["+", "="], action: () => tools.zoom(1.3) },
    { keys: ["-"], action: () => tools.zoom(1 / 1.3) },
    { shown: "F 1", does: "Fit the pane; one pixel to one pixel", keys: ["f"], action: tools.fit },
    { keys: ["1"], action: tools.pixels },
    { shown: "I", does: "Invert", keys: ["i"], action: tools.invert },
    { shown: "0", does: "Reset window and view", keys: ["0"], action: tools.reset },
    { shown: "C", does: "Choose a prior", keys: ["c"], action: () => byId("prior").focus() },
    { shown: "?", does: "These shortcuts", keys: ["?"], action: () => element(HTMLDialogElement, "keys").showModal() },
    { shown: "Arrows on the image", does: "Move it; with the ruler, move the cross, Enter sets a point", keys: [] },
  ];
}
