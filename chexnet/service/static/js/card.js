// The model card: what the model finds, how well, and on which images that was measured.

import { byId, make, percent } from "./dom.js";
import { worthText } from "./worth.js";

/** @import { Card, CardFinding } from "./types.js" */

/** @param {Card} card */
export function drawCard(card) {
  byId("card-body").replaceChildren(
    make("p", { class: "card-use" }, card.intended_use),
    make("h3", {}, "What a call is worth"),
    make("p", {}, "Measured on images that the model never learned from. Other hospitals, other machines: other numbers."),
    worthTable(card),
    make("h3", {}, "Model"),
    entries([
      ["Model", `${card.name} ${card.version}`],
      ["SHA-256", make("code", {}, card.sha256)],
      ["Tested on", card.test_data],
      ["Trained on", sentence(card.training.data)],
      ["Calls are made", `at the operating points "${card.policy}", chosen on validation images`],
      ["Input", `${card.preprocessing.size} × ${card.preprocessing.size} pixels, grey`],
      ["Software", card.software],
    ]),
    make("h3", {}, "How well the findings are ranked"),
    table(card),
    make("h3", {}, "Calibration"),
    ...calibration(card),
    make(
      "details",
      {},
      make("summary", {}, "Training record"),
      entries(Object.entries(card.training).map(([name, value]) => [name.replaceAll("_", " "), sentence(value)])),
    ),
  );
}

/** @param {[string, string | Node][]} pairs */
function entries(pairs) {
  const shown = pairs.filter(([, value]) => value !== "");
  return make("dl", {}, ...shown.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

/**
 * Any value of the training record, for people.
 * @param {unknown} value
 * @returns {string}
 */
function sentence(value) {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(sentence).join(", ");
  if (typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name.replaceAll("_", " ")}: ${sentence(inner)}`)
    .join("; ");
}

/** @param {Card} card */
function worthTable(card) {
  const called = card.findings.filter((entry) => entry.threshold !== null);
  const rows = called.map((entry) => make("tr", {}, make("th", { scope: "row" }, entry.display), make("td", {}, worthText(entry))));
  const others = card.findings.filter((entry) => entry.threshold === null).map((entry) => entry.display);
  if (others.length) rows.push(make("tr", { class: "untested" }, make("th", { scope: "row" }, others.join(", ")), make("td", {}, "Not tested enough to be called.")));
  return make("table", { class: "card-table" }, make("tbody", {}, ...rows));
}

/** @param {Card} card */
function table(card) {
  const head = ["Finding", "AUROC (95 % interval)", "With", "Without", "Operating point", "Called"];
  return make(
    "table",
    { class: "card-table" },
    make("caption", {}, "Measured on test images. 0.5 is chance, 1 is perfect."),
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...card.findings.map(row)),
  );
}

/** @param {CardFinding} finding */
function row(finding) {
  const area = finding.auroc;
  const auroc = area
    ? `${area.value.toFixed(3)} (${area.low.toFixed(3)}–${area.high.toFixed(3)})`
    : "not estimable";
  return make(
    "tr",
    { class: finding.validated ? "" : "untested" },
    make("th", { scope: "row" }, finding.display),
    make("td", {}, auroc),
    make("td", {}, String(finding.positives)),
    make("td", {}, String(finding.negatives)),
    make("td", {}, finding.threshold === null ? "–" : percent(finding.threshold)),
    make("td", {}, finding.validated ? "yes" : "never"),
  );
}

/**
 * Reliability diagrams of the findings that are called, if the model file holds any.
 * @param {Card} card
 */
function calibration(card) {
  const shown = card.findings.filter((finding) => finding.validated && finding.calibration_test);
  if (!shown.length) return [make("p", {}, "How well the probabilities are calibrated was not measured.")];
  const what =
    "Observed frequency (up) against probability (right) on the test images, with 95 % intervals; grey rings are the probabilities before calibration. Points on the line are calibrated.";
  return [make("p", {}, what), make("div", { class: "diagrams" }, ...shown.map(diagram))];
}

const SIDE = 100;

/** @param {CardFinding} finding */
function diagram({ display, calibration_test: measured }) {
  if (!measured) return "";
  const { before, after } = measured;
  const top = Math.max(...after.high, ...before.mean_probability, ...before.observed, 0.01);
  const x = (/** @type {number} */ value) => ((value / top) * SIDE).toFixed(1);
  const y = (/** @type {number} */ value) => (SIDE - (value / top) * SIDE).toFixed(1);
  const rings = before.observed.map((observed, point) =>
    draw("circle", { class: "before", cx: x(before.mean_probability[point]), cy: y(observed), r: 2.5 }),
  );
  const points = after.observed.flatMap((observed, point) => {
    const cx = x(after.mean_probability[point]);
    const ends = { x1: cx, x2: cx, y1: y(after.low[point]), y2: y(after.high[point]) };
    return [draw("line", { class: "interval", ...ends }), draw("circle", { class: "after", cx, cy: y(observed), r: 2 })];
  });
  const label = `${display}: ECE ${before.ece.toFixed(3)} before, ${after.ece.toFixed(3)} after calibration`;
  return make(
    "figure",
    {},
    draw(
      "svg",
      { viewBox: `-4 -4 ${SIDE + 8} ${SIDE + 8}`, role: "img", "aria-label": `Reliability diagram of ${label}` },
      draw("path", { class: "frame", d: `M0 0V${SIDE}H${SIDE}` }),
      draw("line", { class: "ideal", x1: 0, y1: SIDE, x2: SIDE, y2: 0 }),
      ...rings,
      ...points,
    ),
    make("figcaption", {}, `${label}; axes end at ${percent(top)}`),
  );
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {Node[]} children
 */
function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}
