// The findings of one image, one line each: those called first, the rest by how near they are to a call.

import { make, percent } from "./dom.js";
import { isHigh, shareRight, strength, worthLine, worthText } from "./worth.js";

/** @import { Card, CardFinding, Finding, Prediction } from "./types.js" */

/**
 * Bars are as long as the root of the probability: rare findings are called at a few percent.
 * @param {number} probability
 */
const length = (probability) => `${Math.sqrt(probability) * 100}%`;

export class FindingList extends EventTarget {
  /** @param {HTMLElement} holder gets the list. */
  constructor(holder) {
    super();
    this.holder = holder;
    /** @type {string | null} */
    this.chosen = null;
    this.picked = false;
    /** @type {Map<string, HTMLElement>} */
    this.rows = new Map();
  }

  /**
   * Draw the findings of a prediction, and of a prior one if there is one to compare with.
   * @param {Prediction} prediction
   * @param {Card} card
   * @param {Prediction | null} prior
   */
  show(prediction, card, prior = null) {
    const entries = entriesOf(card);
    const before = new Map((prior?.findings ?? []).map((finding) => [finding.finding, finding]));
    this.rows.clear();
    const list = make("div", { role: "listbox", "aria-label": "Findings", tabIndex: -1 });
    for (const [title, findings] of grouped(prediction, card)) {
      if (!findings.length) continue;
      const group = make("div", { role: "group", "aria-label": title, class: "finding-group" });
      group.append(make("h3", { "aria-hidden": "true" }, title));
      for (const finding of findings) group.append(this.#row(finding, entries.get(finding.finding), before.get(finding.finding)));
      list.append(group);
    }
    list.addEventListener("keydown", (event) => this.#key(event));
    this.holder.replaceChildren(list);
    const [first] = this.rows.keys();
    // What a person chose stays chosen from image to image; otherwise each image begins with its weightiest.
    this.choose(this.picked && this.chosen && this.rows.has(this.chosen) ? this.chosen : first);
  }

  /**
   * As a person does.
   * @param {string} name
   * @param {{ focus?: boolean }} options
   */
  pick(name, options = {}) {
    this.picked = true;
    this.choose(name, options);
  }

  clear() {
    this.rows.clear();
    this.holder.replaceChildren();
  }

  /**
   * @param {string | undefined} name
   * @param {{ focus?: boolean }} options
   */
  choose(name, { focus = false } = {}) {
    const chosen = name === undefined ? undefined : this.rows.get(name);
    if (name === undefined || !chosen) return;
    this.chosen = name;
    for (const row of this.rows.values()) {
      row.setAttribute("aria-selected", String(row === chosen));
      row.tabIndex = row === chosen ? 0 : -1;
    }
    if (focus) chosen.focus();
    this.dispatchEvent(new CustomEvent("chosen", { detail: name }));
  }

  /**
   * The next or the previous finding.
   * @param {number} by
   * @param {{ focus?: boolean }} options
   */
  step(by, options = {}) {
    const names = [...this.rows.keys()];
    if (!names.length) return;
    const place = Math.min(names.length - 1, Math.max(0, names.indexOf(this.chosen ?? "") + by));
    this.pick(names[place], options);
    this.rows.get(names[place])?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const all = this.rows.size;
    const by = { ArrowDown: 1, ArrowUp: -1, Home: -all, End: all }[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.step(by, { focus: true });
  }

  /**
   * @param {Finding} finding
   * @param {CardFinding | undefined} entry
   * @param {Finding | undefined} prior
   */
  #row(finding, entry, prior) {
    const name = entry?.display ?? finding.finding.replaceAll("_", " ");
    const kind = finding.present ? `present ${strength(entry)}` : finding.validated ? "" : "untested";
    const row = make("div", {
      role: "option",
      class: `finding ${kind}`,
      "aria-label": spokenRow(name, finding, entry, prior),
      data: { finding: finding.finding },
    });
    row.append(
      make("span", { class: "finding-name" }, name),
      bar(finding, prior),
      make("span", { class: "finding-value" }, percent(finding.probability, digits(finding))),
    );
    if (finding.present) row.append(worthLine(entry));
    if (prior) row.append(make("span", { class: "finding-prior" }, `prior ${percent(prior.probability)}`));
    this.rows.set(finding.finding, row);
    row.addEventListener("click", () => this.pick(finding.finding, { focus: true }));
    row.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.#point(finding.finding));
    row.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#point(null));
    return row;
  }

  /** @param {string | null} name */
  #point(name) {
    this.dispatchEvent(new CustomEvent("pointed", { detail: name }));
  }
}

/**
 * @param {Card} card
 * @returns {Map<string, CardFinding>}
 */
export const entriesOf = (card) => new Map(card.findings.map((entry) => [entry.finding, entry]));

/**
 * The findings in the order of the list: called, not called, not tested enough to be called.
 * @param {Prediction} prediction
 * @param {Card} card
 * @returns {[string, Finding[]][]}
 */
export function grouped({ findings }, card) {
  const entries = entriesOf(card);
  const worth = (/** @type {Finding} */ finding) => shareRight(entries.get(finding.finding)) ?? 0;
  const called = findings.filter((finding) => finding.present);
  const others = findings.filter((finding) => !finding.present && finding.validated);
  const untested = findings.filter((finding) => !finding.validated);
  return [
    ["Called", called.sort((a, b) => worth(b) - worth(a) || nearness(b) - nearness(a))],
    ["Not called", others.sort((a, b) => nearness(b) - nearness(a))],
    ["Not tested enough to be called", untested.sort((a, b) => b.probability - a.probability)],
  ];
}

/**
 * How near the probability is to the one at which the finding is called, in odds.
 * @param {Finding} finding
 */
const nearness = ({ probability, threshold }) => odds(probability) / odds(threshold ?? 0.5);

/** @param {number} probability */
const odds = (probability) => Math.max(probability, 1e-9) / Math.max(1 - probability, 1e-9);

/**
 * @param {Finding} finding
 * @param {Finding | undefined} prior
 */
function bar(finding, prior) {
  const at = (/** @type {string} */ name, /** @type {number} */ place) => {
    const mark = make("span", { class: name });
    mark.style.left = length(place);
    return mark;
  };
  const fill = make("span", { class: "fill" });
  fill.style.width = length(finding.probability);
  const point = finding.threshold === null ? null : at("operating-point", finding.threshold);
  const track = make("span", { class: "bar", "aria-hidden": "true" });
  track.append(fill, ...[prior ? at("prior-mark", prior.probability) : null, point].filter((mark) => mark !== null));
  return track;
}

/**
 * Decimals that distinguish a probability from the one at which the finding is called.
 * @param {Finding} finding
 */
export function digits({ probability, threshold }) {
  return threshold !== null && percent(probability) === percent(threshold) ? 1 : 0;
}

/**
 * @param {string} name
 * @param {Finding} finding
 * @param {CardFinding | undefined} entry
 * @param {Finding | undefined} prior
 */
function spokenRow(name, finding, entry, prior) {
  const parts = [name, percent(finding.probability, digits(finding))];
  if (finding.present) parts.push("called", worthText(entry));
  else if (finding.validated) parts.push("not called");
  else parts.push("not tested enough to be called", isHigh(finding, entry) ? "high" : "");
  if (prior) parts.push(`prior ${percent(prior.probability)}`);
  return parts.filter(Boolean).join(", ");
}
