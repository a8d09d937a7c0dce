// The model card: what the model finds, how well, on which films that was measured.

import { byId, make, percent } from "./dom.js";

export function drawCard(card) {
  byId("card-body").replaceChildren(
    make("p", { class: "card-use" }, card.intended_use),
    make(
      "dl",
      {},
      ...entry("Model", `${card.name} ${card.version}`),
      ...entry("SHA-256", make("code", {}, card.sha256)),
      ...entry("Tested on", card.test_data),
      ...entry("Trained on", sentence(card.training.data)),
      ...entry("Operating points", `${card.policy}, chosen on validation films`),
      ...entry("Input", `${card.preprocessing.size} × ${card.preprocessing.size} pixels, grey`),
      ...entry("Software", card.software),
    ),
    table(card),
    make("h3", {}, "Calibration"),
    ...calibration(card),
    make("h3", {}, "Training"),
    make("pre", { tabIndex: 0, "aria-label": "Training record" }, JSON.stringify(card.training, null, 2)),
  );
}

function entry(name, value) {
  return value === "" ? [] : [make("dt", {}, name), make("dd", {}, value)];
}

function sentence(value) {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

function table(card) {
  const head = ["Finding", "AUROC (95 % interval)", "With", "Without", "Operating point", "Status"];
  return make(
    "table",
    { class: "card-table" },
    make("caption", {}, "Measured on test films"),
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...card.findings.map(row)),
  );
}

function row(finding) {
  const area = finding.auroc;
  const auroc = area
    ? `${area.value.toFixed(3)} (${area.low.toFixed(3)}–${area.high.toFixed(3)})`
    : "not estimable";
  return make(
    "tr",
    { class: finding.validated ? "" : "unvalidated" },
    make("th", { scope: "row" }, finding.display),
    make("td", {}, auroc),
    make("td", {}, String(finding.positives)),
    make("td", {}, String(finding.negatives)),
    make("td", {}, finding.threshold === null ? "–" : percent(finding.threshold)),
    make("td", {}, finding.validated ? "validated" : "not validated"),
  );
}

/** Reliability diagrams of the validated findings, if the model file holds any. */
function calibration(card) {
  const shown = card.findings.filter((finding) => finding.validated && finding.calibration_test);
  if (!shown.length) return [make("p", {}, "How well the probabilities are calibrated was not measured.")];
  const what =
    "Observed frequency (up) against probability (right) on the test films, with 95 % intervals; grey rings are the probabilities before calibration. Points on the line are calibrated.";
  return [make("p", {}, what), make("div", { class: "diagrams" }, ...shown.map(diagram))];
}

const SIDE = 100;

function diagram({ display, calibration_test: { before, after } }) {
  const top = Math.max(...after.high, ...before.mean_probability, ...before.observed, 0.01);
  const x = (value) => ((value / top) * SIDE).toFixed(1);
  const y = (value) => (SIDE - (value / top) * SIDE).toFixed(1);
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

function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
