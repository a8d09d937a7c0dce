// The result of one image in words: one sentence on top, the numbers of the chosen finding, facts of the file.

import { byId, make, percent, say } from "./dom.js";
import { entriesOf, grouped } from "./findings.js";
import { isHigh, setSitePrevalence, sitePrevalence, shareRight, strength } from "./worth.js";

/** @import { Card, CardFinding, Finding, Interval, Prediction } from "./types.js" */

/**
 * A list in a sentence: "a, b and c".
 * @param {string[]} names
 */
const listed = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

/**
 * A name inside a sentence.
 * @param {string} display
 */
const inside = (display) => display.charAt(0).toLowerCase() + display.slice(1);

/**
 * What the page says first, as title and text.
 * @param {Prediction} prediction
 * @param {Card} card
 * @returns {{ kind: string, title: string, lines: string[] }}
 */
export function summary(prediction, card) {
  if (prediction.status === "error") return { kind: "error", title: "Cannot be read", lines: [prediction.reason ?? ""] };
  if (prediction.status === "refused") {
    return { kind: "refused", title: "Refused", lines: [prediction.reason ?? "", "A refused image gets no probabilities: they would mean nothing."] };
  }
  const entries = entriesOf(card);
  const [[, called], , [, untested]] = grouped(prediction, card);
  const name = (/** @type {Finding} */ finding) => inside(entries.get(finding.finding)?.display ?? finding.finding);
  const high = untested.filter((finding) => isHigh(finding, entries.get(finding.finding)));
  const named = high.map((finding) => `${name(finding)} ${percent(finding.probability)}`);
  const lines = [called.length ? callsWorth(called, entries, name) : "This does not exclude disease."];
  if (named.length) lines.push(`Not tested enough to be called, but high here: ${listed(named)}.`);
  const kinds = called.map((finding) => strength(entries.get(finding.finding)));
  const kind = !called.length ? "none" : kinds.includes("strong") ? "some strong" : kinds.includes("weak") ? "some weak" : "some poor";
  return { kind, title: called.length ? `The model calls ${listed(called.map(name))}.` : "The model calls nothing.", lines };
}

/**
 * @param {Finding[]} called
 * @param {Map<string, CardFinding>} entries
 * @param {(finding: Finding) => string} name
 */
function callsWorth(called, entries, name) {
  const right = called.map((finding) => {
    const share = shareRight(entries.get(finding.finding));
    return share === null ? `${name(finding)} unknown` : `${name(finding)} ${Math.round(100 * share)}`;
  });
  if (called.length === 1) {
    const share = shareRight(entries.get(called[0].finding));
    if (share === null) return "How often such a call is right was not measured.";
    return `Such calls were right about ${Math.round(100 * share)} times in 100.`;
  }
  return `Such calls were right, of 100 each: ${right.join(", ")}.`;
}

/**
 * Draw the sentence on top, and say it.
 * @param {string} name of the image.
 * @param {Prediction} prediction
 * @param {Card} card
 */
export function drawSummary(name, prediction, card) {
  const { kind, title, lines } = summary(prediction, card);
  const [first, ...rest] = lines;
  byId("verdict").replaceChildren(
    make(
      "div",
      { class: `verdict-box ${kind}` },
      make("p", { class: "verdict-title" }, title),
      first ? make("p", {}, first) : null,
      ...rest.map((line) => make("p", { class: "quiet" }, line)),
    ),
  );
  say(`${name}: ${[title, ...lines].join(" ")}`);
}

/** @param {Interval | null} interval @param {number} digits */
const ranged = (interval, digits = 2) =>
  interval ? `${interval.value.toFixed(digits)} (${interval.low.toFixed(digits)}–${interval.high.toFixed(digits)})` : "not measured";

/**
 * The numbers of the chosen finding, for those who want them.
 * @param {Finding | undefined} finding
 * @param {CardFinding | undefined} entry
 * @param {() => void} changed called when a site's prevalence is set.
 */
export function drawNumbers(finding, entry, changed) {
  const body = byId("numbers-body");
  body.replaceChildren();
  byId("numbers").hidden = !finding;
  if (!finding || !entry) return;
  byId("numbers-title").textContent = `Numbers for ${inside(entry.display)}`;
  const list = make("dl", { class: "fact-list" });
  const add = (/** @type {string} */ name, /** @type {string | null} */ value) => {
    if (value) list.append(make("dt", {}, name), make("dd", {}, value));
  };
  add("Probability", percent(finding.probability, 1));
  add("Operating point", finding.threshold === null ? null : `${percent(finding.threshold, 1)}, chosen by ${finding.policy}`);
  add("Not called because", finding.validated ? null : (entry.reason ?? "").replace(/^Too few to tell: /, ""));
  add("AUROC in the test", ranged(entry.auroc));
  if (entry.worth) {
    const { ppv, sensitivity, specificity, called, correct } = entry.worth;
    add("Right among calls", `${ranged(ppv)}, ${correct} of about ${called}`);
    add("Found (sensitivity)", ranged(sensitivity));
    add("Left alone (specificity)", ranged(specificity));
  }
  const images = entry.positives + entry.negatives;
  add("Test images with it", images ? `${entry.positives} of ${images}, ${percent(entry.positives / images)}` : null);
  body.append(list);
  if (entry.worth) body.append(siteInput(entry, changed));
}

/**
 * @param {CardFinding} entry
 * @param {() => void} changed
 */
function siteInput(entry, changed) {
  const input = make("input", { type: "number", id: "site-prevalence", min: "0", max: "100", step: "any", inputMode: "decimal" });
  const known = sitePrevalence(entry.finding);
  if (known !== null) input.value = String(+(100 * known).toFixed(2));
  input.addEventListener("change", () => {
    const share = Number(input.value) / 100;
    setSitePrevalence(entry.finding, input.value !== "" && share >= 0 && share <= 1 ? share : null);
    changed();
  });
  return make("label", { class: "site" }, "How many in 100 images have it at your site? ", input);
}

/**
 * What the file says of the radiograph, and what had to be assumed.
 * @param {Prediction} prediction
 */
export function drawFacts(prediction) {
  const list = make("dl", { class: "fact-list" });
  const add = (/** @type {string} */ name, /** @type {unknown} */ value) => {
    if (value) list.append(make("dt", {}, name), make("dd", {}, String(value)));
  };
  for (const note of prediction.notes) add("Note", note);
  const facts = prediction.radiograph;
  if (facts) {
    const age = facts.patient_age_years === null ? null : `${Math.round(facts.patient_age_years)} years`;
    const spacing = facts.pixel_spacing_mm?.map((mm) => mm.toFixed(3)).join(" × ");
    add("Format", [facts.file_format, facts.modality, facts.view_position].filter(Boolean).join(", "));
    add("Size", `${facts.width} × ${facts.height}`);
    add("Spacing", spacing && `${spacing} mm`);
    add("Body part", facts.body_part);
    add("Sex, age", [facts.patient_sex, age].filter(Boolean).join(", "));
    add("Burned-in text", facts.burned_in_annotation ? "yes, says the file" : null);
    for (const [name, value] of Object.entries(facts.identifiers ?? {})) add(name.replaceAll("_", " ").replace("uid", "UID"), value);
  }
  byId("facts").replaceChildren();
  if (list.childElementCount) byId("facts").append(make("h3", {}, "About the image"), list);
}
