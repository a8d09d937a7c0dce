// The findings of one film: bars with the operating point marked, one of them chosen, one pointed at.

import { make, percent } from "./dom.js";

/** Bars are as long as the root of the probability: rare findings have operating points of a few percent. */
const length = (probability) => `${Math.sqrt(probability) * 100}%`;

const TICKS = [0, 0.01, 0.1, 0.25, 0.5, 1];

export class FindingList extends EventTarget {
  /** @param {HTMLElement} holder gets the list. */
  constructor(holder) {
    super();
    this.holder = holder;
    this.chosen = null;
    this.picked = false;
    this.rows = new Map();
  }

  /** Draw the findings of a prediction, and of a prior one if there is one to compare with. */
  show(prediction, card, prior) {
    const display = new Map(card.findings.map((entry) => [entry.finding, entry]));
    const before = new Map((prior?.findings ?? []).map((finding) => [finding.finding, finding]));
    const validated = prediction.findings.filter((finding) => finding.validated).sort(byWeight);
    const others = prediction.findings.filter((finding) => !finding.validated);
    this.rows.clear();
    const list = make("div", { role: "listbox", "aria-label": "Findings", tabIndex: -1 });
    list.append(this.#group("Validated findings", validated, display, before));
    list.append(this.#group("Not validated", others, display, before));
    list.addEventListener("keydown", (event) => this.#key(event));
    this.holder.replaceChildren(list);
    const first = validated[0] ?? others[0];
    // What a person chose stays chosen from film to film; otherwise each film begins with its weightiest.
    this.choose(this.picked && this.rows.has(this.chosen) ? this.chosen : first?.finding);
  }

  /** As a person does. */
  pick(name, options) {
    this.picked = true;
    this.choose(name, options);
  }

  clear() {
    this.rows.clear();
    this.holder.replaceChildren();
  }

  choose(name, { focus = false } = {}) {
    if (!this.rows.has(name)) return;
    this.chosen = name;
    for (const [other, row] of this.rows) {
      row.setAttribute("aria-selected", String(other === name));
      row.tabIndex = other === name ? 0 : -1;
    }
    if (focus) this.rows.get(name).focus();
    this.dispatchEvent(new CustomEvent("chosen", { detail: name }));
  }

  /** The next or the previous finding. */
  step(by, options) {
    const names = [...this.rows.keys()];
    if (!names.length) return;
    const place = Math.min(names.length - 1, Math.max(0, names.indexOf(this.chosen) + by));
    this.pick(names[place], options);
    this.rows.get(names[place]).scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.step(Number.isFinite(by) ? by : Math.sign(by) * this.rows.size, { focus: true });
  }

  #group(title, findings, display, before) {
    if (!findings.length) return "";
    const group = make("div", { role: "group", "aria-label": title, class: "finding-group" });
    group.append(make("h3", { "aria-hidden": "true" }, title), axis());
    for (const finding of findings) {
      const row = this.#row(finding, display.get(finding.finding), before.get(finding.finding));
      this.rows.set(finding.finding, row);
      group.append(row);
    }
    return group;
  }

  #row(finding, entry, prior) {
    const name = entry?.display ?? finding.finding.replaceAll("_", " ");
    const row = make("div", {
      role: "option",
      class: `finding ${finding.validated ? "" : "unvalidated"} ${finding.present ? "present" : ""}`,
      "aria-label": spokenRow(name, finding, entry, prior),
      data: { finding: finding.finding },
    });
    row.append(
      make("span", { class: "finding-name" }, name),
      make("span", { class: "finding-value" }, percent(finding.probability, digits(finding))),
      bar(finding, prior),
      make("span", { class: "finding-note" }, note(finding, entry, prior)),
    );
    row.addEventListener("click", () => this.pick(finding.finding, { focus: true }));
    row.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.#point(finding.finding));
    row.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#point(null));
    return row;
  }

  #point(name) {
    this.dispatchEvent(new CustomEvent("pointed", { detail: name }));
  }
}

function axis() {
  const marks = TICKS.map((tick) => {
    const mark = make("span", {}, tick === 0 || tick === 1 ? `${tick * 100} %` : String(tick * 100));
    mark.style.left = length(tick);
    return mark;
  });
  return make("div", { class: "axis", "aria-hidden": "true" }, ...marks);
}

/** Present ones first; then by how far the probability is from the operating point, in odds. */
function byWeight(a, b) {
  const weight = ({ probability, threshold, present }) => (present ? 1e6 : 0) + odds(probability) / odds(threshold ?? 0.5);
  return weight(b) - weight(a);
}

function odds(probability) {
  return Math.max(probability, 1e-9) / Math.max(1 - probability, 1e-9);
}

function bar(finding, prior) {
  const track = make("span", { class: "bar", "aria-hidden": "true" });
  const fill = make("span", { class: "fill" });
  fill.style.width = length(finding.probability);
  track.append(fill);
  if (prior) {
    const mark = make("span", { class: "prior-mark" });
    mark.style.left = length(prior.probability);
    track.append(mark);
  }
  if (finding.threshold !== null) {
    const point = make("span", { class: "operating-point" });
    point.style.left = length(finding.threshold);
    track.append(point);
  }
  return track;
}

/** Decimals that tell a probability from its operating point. */
function digits({ probability, threshold }) {
  return threshold !== null && percent(probability) === percent(threshold) ? 1 : 0;
}

/** How well the model told such films apart in its test. */
function trust(entry) {
  const area = entry?.auroc;
  return area ? `AUROC ${area.value.toFixed(2)} (${area.low.toFixed(2)}–${area.high.toFixed(2)})` : null;
}

function note(finding, entry, prior) {
  const parts = [];
  const point = finding.threshold === null ? null : percent(finding.threshold, digits(finding));
  if (point) parts.push(finding.present ? `present: at or above ${point}` : `below ${point}`, trust(entry));
  else parts.push(entry?.reason?.replace(/^Not validated: /, "") ?? "no operating point");
  if (prior) parts.push(`prior ${percent(prior.probability)}`);
  return parts.filter(Boolean).join(" · ");
}

function spokenRow(name, finding, entry, prior) {
  const parts = [name, `probability ${percent(finding.probability, digits(finding))}`];
  if (finding.threshold !== null) parts.push(`operating point ${percent(finding.threshold, digits(finding))}`);
  parts.push(finding.present ? "present" : finding.threshold !== null ? "not present" : (entry?.reason ?? "not validated"));
  if (finding.validated && trust(entry)) parts.push(trust(entry));
  if (prior) parts.push(`prior ${percent(prior.probability)}`);
  return parts.join(", ");
}
