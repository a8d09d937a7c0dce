// Results as files. Made here from what the server said; only the picture is asked of it.

import { ask } from "./api.js";
import { make } from "./dom.js";

/** @import { Card, Prediction } from "./types.js" */

/**
 * @param {Blob} blob
 * @param {string} name
 */
function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * The part of a file's name before its suffix.
 * @param {string} name
 */
function stem(name) {
  return name.replace(/\.[^.]{1,8}$/, "") || "image";
}

/**
 * @param {Prediction} prediction
 * @param {string | null} finding
 */
export async function savePicture(prediction, finding) {
  if (!prediction.links) return;
  // A model without maps has no picture of a finding, only the image.
  const overlay = finding && prediction.links.overlay[finding];
  const picture = await (await ask(overlay || prediction.links.film)).blob();
  save(picture, overlay ? `${stem(prediction.image)}-${finding}.png` : `${stem(prediction.image)}.png`);
}

/** @param {Prediction} prediction */
export function saveJson(prediction) {
  const text = JSON.stringify(prediction, null, 1);
  save(new Blob([text], { type: "application/json" }), `${stem(prediction.image)}.json`);
}

/**
 * One row per image, with the columns of `chexnet predict --output`.
 * @param {Prediction[]} predictions
 * @param {Card} card
 */
function csvOf(predictions, card) {
  const names = card.findings.map((entry) => entry.finding);
  const each = (/** @type {string} */ kind) => names.map((name) => `${kind}_${name}`);
  const header = ["image", "status", "reason", ...names, ...each("score"), ...each("present"), "policy", "model", "model_sha256", "notes"];
  const rows = predictions.map((prediction) => {
    const findings = new Map(prediction.findings.map((finding) => [finding.finding, finding]));
    return [
      harmless(prediction.image),
      prediction.status,
      harmless(prediction.reason ?? ""),
      ...names.map((name) => findings.get(name)?.probability ?? ""),
      ...names.map((name) => findings.get(name)?.score ?? ""),
      ...names.map((name) => verdict(findings.get(name)?.present)),
      prediction.findings.find((finding) => finding.policy)?.policy ?? "",
      `${card.name} ${card.version}`,
      card.sha256,
      harmless(prediction.notes.join("; ")),
    ];
  });
  return [header, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

/**
 * @param {Prediction[]} predictions
 * @param {Card} card
 */
export function saveCsv(predictions, card) {
  save(new Blob([csvOf(predictions, card)], { type: "text/csv" }), "chexnet.csv");
}

/**
 * 1 or 0 at the operating point, blank without one.
 * @param {boolean | null | undefined} present
 */
function verdict(present) {
  return typeof present === "boolean" ? Number(present) : "";
}

/**
 * A spreadsheet would run a name that begins like a formula.
 * @param {string} value
 */
function harmless(value) {
  return /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
}

/** @param {unknown} value */
function quoted(value) {
  const string = String(value);
  return /[",\r\n]/.test(string) ? `"${string.replaceAll('"', '""')}"` : string;
}
