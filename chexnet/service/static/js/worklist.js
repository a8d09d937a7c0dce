// The images of this session: sent a few at a time, retried when the server is busy or away.

import { ConnectionLost, ProblemError, UnreadableFile, ask, askJson, isThere, sendImage } from "./api.js";
import { byId, element, make, pause, say } from "./dom.js";
import { contextOf } from "./pixels.js";

/** @import { Phase, Prediction } from "./types.js" */

const AT_ONCE = 3;
const IDS = "chexnet-images";
const SIDE = 64;

/** An image that the connection breaks so often is given up: the fault is its own. */
const MOST_LOSSES = 5;

/** @type {Record<Phase, string>} */
const PHASES = {
  waiting: "waiting",
  sending: "sending",
  reading: "being read",
  busy: "server busy, waiting",
  lost: "connection lost",
  ok: "",
  refused: "refused",
  error: "cannot be read",
};

const RUNNING = ["waiting", "sending", "reading", "busy", "lost"];

/** One image of the list. */
export class Entry {
  /**
   * @param {string} name
   * @param {Phase} phase
   */
  constructor(name, phase) {
    this.name = name;
    this.phase = phase;
    /** @type {File | null} until the server has it. */
    this.file = null;
    /** @type {Prediction | null} */
    this.prediction = null;
    this.reason = "";
    this.progress = 0;
    this.losses = 0;
    this.picture = make("canvas", { width: SIDE, height: SIDE, class: "thumbnail", "aria-hidden": "true" });
    this.title = make("span", { class: "entry-name" }, name);
    this.state = make("span", { class: "entry-state" });
    this.bar = make("progress", { max: 1, "aria-label": `Progress of ${name}` });
    const text = make("span", { class: "entry-text" }, this.title, this.state);
    this.button = make("button", { type: "button", class: "entry-button" }, this.picture, text);
    this.row = make("li", { class: "entry" }, this.button, this.bar);
  }

  /**
   * @param {boolean} current whether it is the one on the screen.
   * @param {(finding: string) => string} displayName
   */
  draw(current, displayName) {
    const present = (this.prediction?.findings ?? []).filter((finding) => finding.present);
    const names = present.map((finding) => displayName(finding.finding));
    this.row.dataset.phase = this.phase;
    this.row.classList.toggle("current", current);
    this.row.classList.toggle("some", present.length > 0);
    this.button.setAttribute("aria-current", String(current));
    this.button.title = this.reason || this.name;
    this.state.textContent = this.phase === "ok" ? names.join(", ") || "nothing called" : PHASES[this.phase];
    this.bar.hidden = !["sending", "reading"].includes(this.phase);
    if (this.phase === "reading") this.bar.removeAttribute("value");
    else this.bar.value = this.progress;
  }

  /** A small picture, where the server has the image. */
  async drawPicture() {
    if (!this.prediction?.links) return;
    try {
      const response = await ask(`${this.prediction.links.film}?longest_side=${2 * SIDE}`);
      const image = await createImageBitmap(await response.blob());
      const scale = Math.max(SIDE / image.width, SIDE / image.height);
      const [width, height] = [image.width * scale, image.height * scale];
      contextOf(this.picture).drawImage(image, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
    } catch (error) {
      // The pane will say what is wrong when the image is chosen.
      if (!(error instanceof ConnectionLost || error instanceof ProblemError)) throw error;
    }
  }
}

export class Worklist extends EventTarget {
  /** @param {(finding: string) => string} displayName for people. */
  constructor(displayName) {
    super();
    this.displayName = displayName;
    /** @type {Entry[]} */
    this.entries = [];
    /** @type {Entry | null} */
    this.current = null;
    this.picked = false;
    this.sending = 0;
    this.away = false;
    this.list = byId("worklist");
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * Images to read, in their order.
   * @param {Iterable<File>} files
   */
  add(files) {
    const added = [...files].map((file) => Object.assign(new Entry(file.name, "waiting"), { file }));
    for (const entry of added) this.#append(entry);
    if (added.length > 1) say(`${added.length} images are waiting.`);
    this.#send();
  }

  /**
   * A line for what was dropped and cannot be sent.
   * @param {string} name
   * @param {string} reason
   */
  addUnreadable(name, reason) {
    const entry = new Entry(name, "waiting");
    this.#append(entry);
    this.#fail(entry, reason);
  }

  /** Images that were read before the page was loaded again, and the one that the address names. */
  async restore() {
    const linked = /^#([A-Za-z0-9_-]{22})$/.exec(location.hash)?.[1];
    /** @type {string[]} */
    const ids = JSON.parse(sessionStorage.getItem(IDS) ?? "[]");
    if (linked && !ids.includes(linked)) ids.push(linked);
    for (const id of ids) {
      try {
        await this.#restoreOne(id);
      } catch (error) {
        if (!(error instanceof ProblemError)) break;
        if (id === linked) this.dispatchEvent(new CustomEvent("failed", { detail: error }));
      }
    }
    this.#remember();
    const shown = this.entries.find((entry) => entry.prediction?.id === linked) ?? this.entries.at(-1);
    if (shown) this.choose(shown);
  }

  /** @param {string} id */
  async #restoreOne(id) {
    /** @type {Prediction} */
    const prediction = await askJson(`v1/predictions/${encodeURIComponent(id)}`);
    const entry = new Entry(prediction.image, prediction.status);
    entry.prediction = prediction;
    entry.reason = prediction.reason ?? "";
    this.#append(entry);
    entry.drawPicture();
  }

  /** @param {Entry} entry */
  choose(entry) {
    this.current = entry;
    for (const other of this.entries) this.#draw(other);
    entry.row.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.dispatchEvent(new CustomEvent("chosen", { detail: entry }));
  }

  /** @param {number} by */
  step(by) {
    const place = (this.current ? this.entries.indexOf(this.current) : -1) + by;
    if (place >= 0 && place < this.entries.length) this.choose(this.entries[place]);
  }

  /**
   * Remove all images, here and on the server.
   * Throws where the server could not be reached; it forgets them by itself in time.
   */
  async forget() {
    const ids = this.entries.map((entry) => entry.prediction?.id ?? null);
    this.entries = [];
    this.current = null;
    this.list.replaceChildren();
    this.#remember();
    this.dispatchEvent(new CustomEvent("chosen", { detail: null }));
    for (const id of ids) if (id) await this.#forgetOnServer(id);
  }

  /** @param {string} id */
  async #forgetOnServer(id) {
    try {
      await ask(`v1/predictions/${encodeURIComponent(id)}`, { method: "DELETE" });
    } catch (error) {
      if (!(error instanceof ProblemError && error.status === 404)) throw error;
    }
  }

  #send() {
    while (this.sending < AT_ONCE && !this.away) {
      const entry = this.entries.find((candidate) => candidate.phase === "waiting" && candidate.file);
      if (!entry) return;
      this.sending++;
      this.#sendOne(entry).finally(() => {
        this.sending--;
        this.#send();
      });
    }
  }

  /** @param {Entry} entry */
  async #sendOne(entry) {
    if (!entry.file) return;
    this.#move(entry, "sending");
    try {
      const prediction = await sendImage(entry.file, (share) => {
        entry.progress = share;
        this.#move(entry, share < 1 ? "sending" : "reading");
      });
      this.#finish(entry, prediction);
    } catch (error) {
      await this.#failed(entry, error);
    }
  }

  /**
   * @param {Entry} entry
   * @param {unknown} error
   */
  async #failed(entry, error) {
    if (error instanceof UnreadableFile) this.#fail(entry, error.message);
    else if (error instanceof ConnectionLost) this.#lose(entry);
    else if (!(error instanceof ProblemError)) throw error;
    else if (error.status === 503 || error.status === 429) {
      this.#move(entry, "busy");
      await pause(error.retryAfterS ?? 2);
      this.#move(entry, "waiting");
    } else if (error.status === 401) {
      this.#move(entry, "waiting");
      await new Promise((resolve) => this.dispatchEvent(new CustomEvent("key-needed", { detail: resolve })));
    } else if (error.problem.prediction) this.#finish(entry, error.problem.prediction);
    else this.#fail(entry, error.message);
  }

  /** @param {Entry} entry */
  #lose(entry) {
    entry.losses++;
    if (entry.losses >= MOST_LOSSES) {
      this.#fail(entry, `The connection broke off ${entry.losses} times while this image was sent.`);
      return;
    }
    this.#move(entry, "lost");
    this.waitForServer();
  }

  /**
   * @param {Entry} entry
   * @param {string} reason
   */
  #fail(entry, reason) {
    const empty = { id: null, findings: [], notes: [], radiograph: null, links: null };
    this.#finish(entry, { status: "error", reason, image: entry.name, ...empty });
  }

  /**
   * @param {Entry} entry
   * @param {Prediction} prediction
   */
  #finish(entry, prediction) {
    if (!this.entries.includes(entry)) {
      // Forgotten here while the server still read it.
      if (prediction.id) this.#forgetOnServer(prediction.id).catch(() => {});
      return;
    }
    entry.prediction = prediction;
    entry.reason = prediction.reason ?? "";
    // The server has it now; the browser need not hold it twice.
    entry.file = null;
    this.#move(entry, prediction.status);
    this.#remember();
    entry.drawPicture();
    this.dispatchEvent(new CustomEvent("read", { detail: entry }));
    const done = !this.entries.some((other) => RUNNING.includes(other.phase));
    // The first image to be read is shown; one that cannot be, only until there is a better one.
    if (!this.current || (!this.current.prediction?.links && !this.picked)) this.choose(entry);
    if (done && this.entries.length > 1) say(`All ${this.entries.length} images are done.`);
  }

  /** Ask until the server is back, then send what is left. */
  async waitForServer() {
    if (this.away) return;
    this.away = true;
    this.dispatchEvent(new CustomEvent("connection", { detail: false }));
    for (let seconds = 1; ; seconds = Math.min(seconds * 2, 10)) {
      await pause(seconds);
      if (await isThere()) break;
    }
    this.away = false;
    this.dispatchEvent(new CustomEvent("connection", { detail: true }));
    for (const entry of this.entries) if (entry.phase === "lost") this.#move(entry, "waiting");
    this.#send();
  }

  /**
   * @param {Entry} entry
   * @param {Phase} phase
   */
  #move(entry, phase) {
    entry.phase = phase;
    if (this.entries.includes(entry)) this.#draw(entry);
  }

  #remember() {
    sessionStorage.setItem(IDS, JSON.stringify(this.entries.map((entry) => entry.prediction?.id).filter(Boolean)));
    element(HTMLButtonElement, "forget").disabled = !this.entries.length;
    const read = this.entries.filter((entry) => !RUNNING.includes(entry.phase)).length;
    const all = this.entries.length;
    byId("entry-count").textContent = read === all ? (all ? `(${all})` : "") : `(${read} of ${all} read)`;
  }

  /** @param {Entry} entry */
  #draw(entry) {
    entry.draw(entry === this.current, this.displayName);
  }

  /** @param {Entry} entry */
  #append(entry) {
    this.entries.push(entry);
    entry.button.addEventListener("click", () => {
      this.picked = true;
      this.choose(entry);
    });
    this.list.append(entry.row);
    this.#draw(entry);
    this.#remember();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const place = this.entries.findIndex((entry) => entry.button === document.activeElement);
    this.entries[place + by]?.button.focus();
  }
}
