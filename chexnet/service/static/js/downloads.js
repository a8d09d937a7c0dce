// Results as files. Made here from what the server said; only the picture is asked of it.

import { ask } from "./api.js";
import { make } from "./dom.js";

export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The part of a file's name before its suffix. */
export function stem(name) {
  return name.replace(/\.[^.]{1,8}$/, "") || "film";
}

export async function savePicture(prediction, finding) {
  // A model without maps has no picture of a finding, only the film.
  const overlay = finding && prediction.links.overlay[finding];
  const picture = await (await ask(overlay || prediction.links.film)).blob();
  save(picture, overlay ? `${stem(prediction.image)}-${finding}.png` : `${stem(prediction.image)}.png`);
}

export function saveJson(prediction) {
  const text = JSON.stringify(prediction, null, 1);
  save(new Blob([text], { type: "application/json" }), `${stem(prediction.image)}.json`);
}

/** One row a film, with the columns of `chexnet predict --output`. */
export function csvOf(predictions, card) {
  const names = card.findings.map((entry) => entry.finding);
  const each = (kind) => names.map((name) => `${kind}_${name}`);
  const header = ["image", "status", "reason", ...names, ...each("score"), ...each("present"), "policy", "model", "model_sha256", "notes"];
  const rows = predictions.map((prediction) => {
    const findings = new Map(prediction.findings.map((finding) => [finding.finding, finding]));
    return [
      text(prediction.image),
      prediction.status,
      text(prediction.reason ?? ""),
      ...names.map((name) => findings.get(name)?.probability ?? ""),
      ...names.map((name) => findings.get(name)?.score ?? ""),
      ...names.map((name) => verdict(findings.get(name)?.present)),
      prediction.findings.find((finding) => finding.policy)?.policy ?? "",
      `${card.name} ${card.version}`,
      card.sha256,
      text((prediction.notes ?? []).join("; ")),
    ];
  });
  return [header, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

export function saveCsv(predictions, card) {
  save(new Blob([csvOf(predictions, card)], { type: "text/csv" }), "chexnet.csv");
}

/** 1 or 0 at the operating point, blank without one. */
function verdict(present) {
  return typeof present === "boolean" ? Number(present) : "";
}

/** A spreadsheet would run a name that begins like a formula. */
function text(value) {
  return /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
}

function quoted(value) {
  const string = String(value);
  return /[",\r\n]/.test(string) ? `"${string.replaceAll('"', '""')}"` : string;
}
