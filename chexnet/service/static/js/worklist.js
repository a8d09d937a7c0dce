// The films of this session: sent a few at a time, retried when the server is busy or away.

import { ConnectionLost, ProblemError, ask, askJson, sendFilm } from "./api.js";
import { byId, make, say } from "./dom.js";

const AT_ONCE = 3;
const IDS = "chexnet-films";
const SIDE = 64;

const PHASES = {
  waiting: "waiting",
  sending: "sending",
  reading: "reading",
  busy: "server busy, waiting",
  lost: "connection lost",
  ok: "",
  refused: "refused",
  error: "cannot be read",
};

export class Worklist extends EventTarget {
  /** @param {(finding: string) => string} displayName for people. */
  constructor(displayName) {
    super();
    this.displayName = displayName;
    this.films = [];
    this.current = null;
    this.sending = 0;
    this.away = false;
    this.list = byId("worklist");
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Films to read, in their order. */
  add(files) {
    const added = [...files].map((file) => ({ file, name: file.name, phase: "waiting", progress: 0, reason: "" }));
    this.films.push(...added);
    for (const film of added) this.#draw(film);
    if (added.length > 1) say(`${added.length} films are waiting.`);
    this.#send();
  }

  /** Films that were read before the page was loaded again, where the server still has them. */
  async restore() {
    for (const id of JSON.parse(sessionStorage.getItem(IDS) ?? "[]")) {
      try {
        const prediction = await askJson(`/v1/predictions/${encodeURIComponent(id)}`);
        const film = { name: prediction.image, phase: prediction.status, prediction, reason: prediction.reason };
        this.films.push(film);
        this.#draw(film);
        this.#picture(film);
      } catch (error) {
        if (!(error instanceof ProblemError)) break;
      }
    }
    if (this.films.length) this.choose(this.films.at(-1));
  }

  choose(film) {
    this.current = film;
    for (const other of this.films) this.#draw(other);
    this.dispatchEvent(new CustomEvent("chosen", { detail: film }));
  }

  step(by) {
    const place = this.films.indexOf(this.current) + by;
    if (place >= 0 && place < this.films.length) this.choose(this.films[place]);
  }

  /**
   * Remove all films, here and on the server.
   * Throws where the server could not be told; it forgets them by itself in time.
   */
  async forget() {
    const ids = this.films.map((film) => film.prediction?.id).filter(Boolean);
    this.films = [];
    this.current = null;
    this.list.replaceChildren();
    this.#remember();
    this.dispatchEvent(new CustomEvent("chosen", { detail: null }));
    for (const id of ids) await this.#forgetOnServer(id);
  }

  async #forgetOnServer(id) {
    try {
      await ask(`/v1/predictions/${encodeURIComponent(id)}`, { method: "DELETE" });
    } catch (error) {
      if (error.status !== 404) throw error;
    }
  }

  /** A small picture of a film that was read. */
  async #picture(film) {
    try {
      const response = await ask(`${film.prediction.links.film}?longest_side=${2 * SIDE}`);
      const image = await createImageBitmap(await response.blob());
      const scale = Math.max(SIDE / image.width, SIDE / image.height);
      const [width, height] = [image.width * scale, image.height * scale];
      film.picture.getContext("2d").drawImage(image, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
    } catch (error) {
      // The film itself will tell when it is chosen.
      if (!(error instanceof ConnectionLost || error instanceof ProblemError)) throw error;
    }
  }

  async #send() {
    while (this.sending < AT_ONCE && !this.away) {
      const film = this.films.find((candidate) => candidate.phase === "waiting");
      if (!film) return;
      this.sending++;
      this.#sendOne(film).finally(() => {
        this.sending--;
        this.#send();
      });
    }
  }

  async #sendOne(film) {
    this.#move(film, "sending");
    try {
      const prediction = await sendFilm(film.file, (share) => {
        film.progress = share;
        this.#move(film, share < 1 ? "sending" : "reading");
      });
      this.#finish(film, prediction);
    } catch (error) {
      await this.#failed(film, error);
    }
  }

  async #failed(film, error) {
    if (error instanceof ConnectionLost) {
      this.#move(film, "lost");
      this.waitForServer();
    } else if (error.status === 503 || error.status === 429) {
      this.#move(film, "busy");
      await new Promise((resolve) => setTimeout(resolve, 1000 * (error.retryAfterS ?? 2)));
      this.#move(film, "waiting");
    } else if (error.status === 401) {
      this.#move(film, "waiting");
      await new Promise((resolve) => this.dispatchEvent(new CustomEvent("key-needed", { detail: resolve })));
    } else if (error.problem?.prediction) {
      this.#finish(film, error.problem.prediction);
    } else {
      film.reason = error.message;
      this.#finish(film, { status: "error", reason: error.message, image: film.name, findings: [], notes: [] });
    }
  }

  #finish(film, prediction) {
    if (!this.films.includes(film)) {
      // Forgotten here while the server still read it.
      if (prediction.id) this.#forgetOnServer(prediction.id).catch(() => {});
      return;
    }
    film.prediction = prediction;
    film.reason = prediction.reason ?? "";
    // The server has it now; the browser need not hold it twice.
    film.file = null;
    this.#move(film, prediction.status);
    this.#remember();
    if (prediction.links) this.#picture(film);
    this.dispatchEvent(new CustomEvent("read", { detail: film }));
    const running = ["waiting", "sending", "reading", "busy", "lost"];
    const done = !this.films.some((other) => running.includes(other.phase));
    // The first film to be read is shown; one that cannot be, only until there is a better one.
    if (!this.current || (!this.current.prediction?.links && !this.picked)) this.choose(film);
    if (done && this.films.length > 1) say(`All ${this.films.length} films are done.`);
  }

  /** Ask until the server is back, then send what is left. */
  async waitForServer() {
    if (this.away) return;
    this.away = true;
    this.dispatchEvent(new CustomEvent("connection", { detail: false }));
    for (let seconds = 1; ; seconds = Math.min(seconds * 2, 10)) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
      if (await fetch("/healthz").then((response) => response.ok, () => false)) break;
    }
    this.away = false;
    this.dispatchEvent(new CustomEvent("connection", { detail: true }));
    for (const film of this.films) if (film.phase === "lost") this.#move(film, "waiting");
    this.#send();
  }

  #move(film, phase) {
    film.phase = phase;
    if (this.films.includes(film)) this.#draw(film);
  }

  #remember() {
    sessionStorage.setItem(IDS, JSON.stringify(this.films.map((film) => film.prediction?.id).filter(Boolean)));
    byId("forget").disabled = !this.films.length;
    byId("film-count").textContent = this.films.length ? `(${this.films.length})` : "";
  }

  #draw(film) {
    if (!film.row) this.#makeRow(film);
    const present = (film.prediction?.findings ?? []).filter((finding) => finding.present);
    const names = present.map((finding) => this.displayName(finding.finding));
    const summary = film.phase === "ok" ? names.join(", ") || "none present" : PHASES[film.phase];
    film.row.className = `film ${film.phase} ${film === this.current ? "current" : ""} ${present.length ? "some" : ""}`;
    film.button.setAttribute("aria-current", String(film === this.current));
    film.title.textContent = film.name;
    film.button.title = film.reason || film.name;
    film.state.textContent = summary;
    film.bar.hidden = !["sending", "reading"].includes(film.phase);
    if (film.phase === "reading") film.bar.removeAttribute("value");
    else film.bar.value = film.progress ?? 0;
  }

  #makeRow(film) {
    film.picture = make("canvas", { width: SIDE, height: SIDE, class: "thumbnail", "aria-hidden": "true" });
    film.title = make("span", { class: "film-name" });
    film.state = make("span", { class: "film-state" });
    film.bar = make("progress", { max: 1, "aria-label": `Progress of ${film.name}` });
    film.button = make(
      "button",
      { type: "button", class: "film-button" },
      film.picture,
      make("span", { class: "film-text" }, film.title, film.state),
    );
    film.button.addEventListener("click", () => {
      this.picked = true;
      this.choose(film);
    });
    film.row = make("li", {}, film.button, film.bar);
    this.list.append(film.row);
    byId("film-count").textContent = `(${this.films.length})`;
    byId("forget").disabled = false;
  }

  #key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const buttons = this.films.map((film) => film.button);
    buttons[buttons.indexOf(document.activeElement) + by]?.focus();
  }
}
