// What a call was worth in the model's own test, in words and as a small picture.

import { make } from "./dom.js";

/** @import { CardFinding, Finding, Interval, Worth } from "./types.js" */

const SITE = "chexnet-site-prevalence";
const DOTS = 20;

/** A call is as strong as its worth: the share of such calls that were right. */
const STRONG = 0.5;
const WEAK = 0.25;

/** An untested finding is named when its probability is that many times what the test images had. */
const HIGH_RATIO = 3;
const HIGH_LEAST = 0.1;

/**
 * The share of calls that are right where a finding is as common as `prevalence` says (Bayes' theorem).
 * @param {Worth} worth
 * @param {number} prevalence
 */
export function rebased({ sensitivity, specificity }, prevalence) {
  const right = sensitivity.value * prevalence;
  const wrong = (1 - specificity.value) * (1 - prevalence);
  return right + wrong > 0 ? right / (right + wrong) : 0;
}

/**
 * How common a finding is at the reader's own site; null where nobody has said.
 * @param {string} finding
 * @returns {number | null}
 */
export function sitePrevalence(finding) {
  return JSON.parse(localStorage.getItem(SITE) ?? "{}")[finding] ?? null;
}

/**
 * @param {string} finding
 * @param {number | null} prevalence
 */
export function setSitePrevalence(finding, prevalence) {
  const all = JSON.parse(localStorage.getItem(SITE) ?? "{}");
  if (prevalence === null) delete all[finding];
  else all[finding] = prevalence;
  localStorage.setItem(SITE, JSON.stringify(all));
}

/**
 * The share of such calls that are right; null where it was not measured.
 * @param {CardFinding | undefined} entry
 */
export function shareRight(entry) {
  if (!entry?.worth) return null;
  const prevalence = sitePrevalence(entry.finding);
  return prevalence === null ? entry.worth.ppv.value : rebased(entry.worth, prevalence);
}

/**
 * How much a call weighs: strong, weak, poor, or unknown.
 * @param {CardFinding | undefined} entry
 */
export function strength(entry) {
  const right = shareRight(entry);
  if (right === null) return "unknown";
  return right >= STRONG ? "strong" : right >= WEAK ? "weak" : "poor";
}

/** @param {number} share */
const ofHundred = (share) => Math.round(100 * share);

/** @param {number} share */
const ofTen = (share) => (share > 0 && share < 0.05 ? "fewer than 1" : String(Math.round(10 * share)));

/**
 * What a call was worth, in one sentence; the counts are behind it.
 * @param {CardFinding | undefined} entry
 */
export function worthText(entry) {
  const right = shareRight(entry);
  if (!entry?.worth || right === null) return "What such a call is worth was not measured.";
  const { ppv, sensitivity } = entry.worth;
  const site = sitePrevalence(entry.finding);
  const finds = `It finds about ${ofTen(sensitivity.value)} of 10.`;
  if (site !== null) {
    return `Of 100 images called at your site, about ${ofHundred(right)} would have it (set: ${ofHundred(site)} % have it). ${finds}`;
  }
  return `Of 100 test images called, about ${ofHundred(ppv.value)} had it (${range(ppv)}). ${finds}`;
}

/**
 * The same in one line of the list.
 * @param {CardFinding | undefined} entry
 */
function worthInShort(entry) {
  const right = shareRight(entry);
  if (!entry?.worth || right === null) return "worth not measured";
  const { ppv, sensitivity } = entry.worth;
  const where = sitePrevalence(entry.finding) === null ? ` (${range(ppv)})` : " at your site";
  return `right ${ofHundred(right)} of 100${where}, finds ${ofTen(sensitivity.value)} of 10`;
}

/** @param {Interval} interval */
const range = ({ low, high }) => `${ofHundred(low)}–${ofHundred(high)}`;

/**
 * What a call was worth as one line: dots (of twenty calls, those that were right) and words.
 * @param {CardFinding | undefined} entry
 */
export function worthLine(entry) {
  return make("span", { class: "finding-worth", title: worthText(entry) }, dotsOf(shareRight(entry)), worthInShort(entry));
}

/** @param {number | null} right */
function dotsOf(right) {
  if (right === null) return null;
  const dots = Array.from({ length: DOTS }, (_, place) => make("i", { class: place < Math.round(right * DOTS) ? "right" : "" }));
  return make("span", { class: "worth-picture", "aria-hidden": "true" }, ...dots);
}

/**
 * Whether an untested finding has a probability that a reader should hear of.
 * @param {Finding} finding
 * @param {CardFinding | undefined} entry
 */
export function isHigh({ probability }, entry) {
  const images = (entry?.positives ?? 0) + (entry?.negatives ?? 0);
  const common = images ? (entry?.positives ?? 0) / images : 0;
  return probability >= HIGH_LEAST && probability >= HIGH_RATIO * common;
}
