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
