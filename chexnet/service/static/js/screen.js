// What is on the screen: one image, perhaps a prior beside it, the outlines of what is called, the wash.

import { askImage, askJson } from "./api.js";
import { byId, element, make, say } from "./dom.js";
import { entriesOf } from "./findings.js";
import { Viewer } from "./viewer.js";
import { strength } from "./worth.js";

/** @import { Card, Content, Prediction } from "./types.js" */
/** @import { Entry } from "./worklist.js" */

const LONGEST_SIDE = matchMedia("(max-width: 800px)").matches ? 1536 : 3072;
const KEPT_IMAGES = 6;

/** The panes, and what they show. It fires `windowed` and `measured`. */
export class Screen extends EventTarget {
  constructor() {
    super();
    /** @type {Card | null} */
    this.card = null;
    /** @type {Viewer | null} */
    this.main = null;
    /** @type {Viewer | null} */
    this.second = null;
    /** @type {Entry | null} */
    this.entry = null;
    /** @type {Entry | null} */
    this.prior = null;
    /** Whether evidence is washed over the image. */
    this.washed = false;
    /** @type {string | null} */
    this.finding = null;
    this.tool = "window";
    this.opacity = 0.6;
    this.linked = true;
    this.following = false;
    /** @type {Map<string, Promise<Content>>} */
    this.contents = new Map();
  }

  get viewers() {
    return [this.main, this.second].filter((viewer) => viewer !== null);
  }

  forget() {
    this.contents.clear();
  }

  /**
   * The image's grey values and maps; the last few are kept.
   * @param {Prediction} prediction
   */
  async #contentOf(prediction) {
    const id = prediction.id ?? "";
    const known = this.contents.get(id);
    if (known) return known;
    const loading = load(prediction);
    this.contents.set(id, loading);
    loading.catch(() => this.contents.delete(id));
    const [oldest] = this.contents.keys();
    if (this.contents.size > KEPT_IMAGES) this.contents.delete(oldest);
    return loading;
  }

  /**
   * Show the image of an entry, or words where there is none.
   * @param {Entry | null} entry
   * @param {string} fate what becomes of an image.
   */
  async show(entry, fate) {
    this.entry = entry;
    this.closePrior();
    if (!entry?.prediction?.links) {
      this.main?.close();
      this.main = null;
      drawEmpty(entry, fate);
      return;
    }
    // Findings of one image must never stand beside another one.
    this.main?.blank(`${entry.name}: loading`);
    try {
      const content = await this.#contentOf(entry.prediction);
      if (this.entry !== entry) return;
      byId("empty").hidden = true;
      this.main ??= this.#open("image");
      this.#fill(this.main, entry.prediction, content, "");
      this.draw();
    } catch (error) {
      if (this.entry === entry) this.main?.blank(`${entry.name}: ${error instanceof Error ? error.message : error}`);
      throw error;
    }
  }

  /** @param {Entry} entry */
  async showPrior(entry) {
    if (!entry.prediction) return;
    this.prior = entry;
    const content = await this.#contentOf(entry.prediction);
    if (this.prior !== entry || !this.main) return;
    byId("panes").classList.add("two");
    byId("link-views").hidden = false;
    this.second ??= this.#open("prior image");
    this.#fill(this.second, entry.prediction, content, "Prior: ");
    this.second.setWindow({ inverted: this.main.window.inverted });
    this.draw();
    say(`Prior ${entry.name} beside it.`);
  }

  closePrior() {
    this.prior = null;
    element(HTMLSelectElement, "prior").value = "";
    byId("link-views").hidden = true;
    this.second?.close();
    this.second = null;
    byId("panes").classList.remove("two");
  }

  /** @param {string} what */
  #open(what) {
    const viewer = new Viewer(byId("panes"), what);
    viewer.setTool(this.tool);
    viewer.setOpacity(this.opacity);
    viewer.addEventListener("measured", (event) => say(/** @type {CustomEvent<string>} */ (event).detail));
    viewer.addEventListener("moved", () => this.#keepTogether(viewer));
    viewer.addEventListener("windowed", () => viewer === this.main && this.dispatchEvent(new Event("windowed")));
    return viewer;
  }

  /**
   * @param {Viewer} viewer
   * @param {Prediction} prediction
   * @param {Content} content
   * @param {string} prefix
   */
  #fill(viewer, prediction, content, prefix) {
    viewer.maps = content.maps;
    viewer.show(content.image, prediction.radiograph);
    viewer.pane.setAttribute("aria-label", `${prefix ? "Prior image" : "Image"} ${prediction.image}`);
    viewer.captions.name.textContent = prefix + prediction.image;
    const { modality, view_position: view } = prediction.radiograph ?? {};
    viewer.captions.projection.textContent = [modality, view].filter(Boolean).join(" ");
  }

  /** @param {Viewer} moved */
  #keepTogether(moved) {
    if (this.following || !this.second || !this.main || !this.linked) return;
    this.following = true;
    (moved === this.main ? this.second : this.main).follow(moved);
    this.following = false;
  }

  /**
   * Show this finding: its outline alone while the pointer is on it, and the wash where it is on.
   * @param {string | null} finding
   * @param {string | null} pointed
   */
  point(finding, pointed) {
    this.finding = pointed ?? finding;
    this.draw(pointed);
  }

  /** @param {string | null} pointed only this one is outlined. */
  draw(pointed = null) {
    const name = this.finding;
    const layers = this.viewers.map((viewer) => (name ? (viewer.maps[name] ?? null) : null));
    // One scale for both: the same colour is the same evidence.
    const fullScale = Math.max(0, ...layers.map((layer) => layer?.full_scale ?? 0));
    this.viewers.forEach((viewer, index) => {
      viewer.wash(this.washed ? layers[index] : null, fullScale);
      viewer.outline(this.#marks(viewer, viewer === this.main ? this.entry : this.prior, pointed));
    });
    drawLegend(this.washed ? layers[0] : null, fullScale, name, this);
  }

  /**
   * What is called on an image, and where.
   * @param {Viewer} viewer
   * @param {Entry | null} entry
   * @param {string | null} pointed
   */
  #marks(viewer, entry, pointed) {
    if (!this.card) return [];
    const entries = entriesOf(this.card);
    const called = (entry?.prediction?.findings ?? []).filter((finding) => finding.present);
    return called
      .filter(({ finding }) => pointed === null || pointed === finding || !called.some((other) => other.finding === pointed))
      .map(({ finding }) => ({
        name: entries.get(finding)?.display ?? finding,
        contours: viewer.maps[finding]?.contours ?? [],
        doubtful: strength(entries.get(finding)) !== "strong",
        // Where several are called, the chosen one stands out.
        quiet: called.length > 1 && called.some((other) => other.finding === this.finding) && finding !== this.finding,
      }));
  }

  /** @param {boolean} on */
  setWash(on) {
    this.washed = on;
    this.draw();
  }

  /** @param {string} tool */
  setTool(tool) {
    this.tool = tool;
    for (const viewer of this.viewers) viewer.setTool(tool);
  }

  /** @param {number} opacity */
  setOpacity(opacity) {
    this.opacity = opacity;
    for (const viewer of this.viewers) viewer.setOpacity(opacity);
  }
}

/**
 * @param {Prediction} prediction
 * @returns {Promise<Content>}
 */
async function load(prediction) {
  const maps = prediction.links?.maps;
  const [image, layers] = await Promise.all([askImage(prediction, LONGEST_SIDE), maps ? askJson(maps) : { maps: {} }]);
  return { image, maps: layers.maps };
}

/**
 * What to say where there is no image to be seen.
 * @param {Entry | null} entry
 * @param {string} fate
 */
export function drawEmpty(entry, fate) {
  const [title, text] = words(entry, fate);
  byId("empty-title").textContent = title;
  byId("empty-text").textContent = text;
  byId("empty").hidden = false;
}

/**
 * @param {Entry | null} entry
 * @param {string} fate
 */
function words(entry, fate) {
  if (!entry) return ["Drop a frontal chest radiograph here", `PNG, JPEG or DICOM; folders and ZIP archives too. It is read on this server, ${fate}.`];
  if (entry.phase === "error") return [`${entry.name} cannot be read`, entry.reason];
  if (entry.phase === "refused") return [`${entry.name} is refused`, entry.reason];
  return [`${entry.name} is not read yet`, ""];
}

/**
 * What the colours mean, where any are seen.
 * @param {import("./types.js").Layer | null} layer
 * @param {number} fullScale
 * @param {string | null} name
 * @param {Screen} screen
 */
function drawLegend(layer, fullScale, name, { card, entry }) {
  byId("legend").classList.toggle("on", Boolean(layer));
  if (!layer || !name || !card) return;
  byId("legend-low").textContent = `−${fullScale.toFixed(1)}`;
  byId("legend-high").textContent = `+${fullScale.toFixed(1)}`;
  const finding = entry?.prediction?.findings.find((other) => other.finding === name);
  const zero = finding?.threshold === null ? "no colour: even odds" : "no colour: at the operating point";
  // Maps that do not add up to the score have no operating point.
  const meaning = card.maps === "log_sum_exp" ? "map · no colour: adds nothing" : `log odds · ${zero}`;
  byId("legend-zero").textContent = `${entriesOf(card).get(name)?.display ?? name}, ${meaning}`;
}

/**
 * Offer every other image that was read as the prior.
 * @param {Entry[]} entries
 * @param {Entry | null} current
 */
export function offerPriors(entries, current) {
  const prior = element(HTMLSelectElement, "prior");
  const others = entries.filter((entry) => entry !== current && entry.prediction?.links);
  const chosen = prior.value;
  prior.replaceChildren(
    make("option", { value: "" }, "none"),
    ...others.map((entry) => make("option", { value: entry.prediction?.id }, entry.name)),
  );
  if (others.some((entry) => entry.prediction?.id === chosen)) prior.value = chosen;
  prior.disabled = !others.length;
}
