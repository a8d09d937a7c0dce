// The REST interface. Every failure becomes an Error with a message for people.

import { pause } from "./dom.js";

/** @import { Pixels, Prediction } from "./types.js" */

const KEY = "chexnet-api-key";

/** The address of the page, so that all others are right below any prefix that a proxy adds. */
const BASE = new URL(".", document.baseURI);

/** An answer that is a problem (RFC 9457); `problem` is its JSON. */
export class ProblemError extends Error {
  /**
   * @param {number} status
   * @param {{ title?: string, detail?: string, prediction?: Prediction }} problem
   * @param {number | null} retryAfterS
   */
  constructor(status, problem, retryAfterS) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }
}

/** No answer at all, or only from a proxy that gets none. */
export class ConnectionLost extends Error {
  constructor() {
    super("The server cannot be reached.");
  }
}

/** The browser could not read the file itself: it was moved, deleted or is a folder. Sending again cannot help. */
export class UnreadableFile extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    super(`The browser cannot read this file${why}. Was it moved or deleted? Choose it again.`);
  }
}

/**
 * Bad Gateway, Gateway Timeout: the proxy is there, the service is not.
 * @param {number} status
 */
const away = (status) => status === 502 || status === 504;

/**
 * Where a path or a link of the service is: its `/v1/…` below the page's own address.
 * @param {string} path
 */
export function address(path) {
  return new URL(path.replace(/^.*?\/(?=v1\/|healthz)/, "").replace(/^\//, ""), BASE);
}

/** @param {string} key for the rest of this browser session. */
export function rememberKey(key) {
  sessionStorage.setItem(KEY, key);
}

export const hasKey = () => Boolean(sessionStorage.getItem(KEY));

/** @returns {Record<string, string>} */
function keyHeader() {
  const key = sessionStorage.getItem(KEY);
  return key ? { "X-API-Key": key } : {};
}

/**
 * A response that is not a problem; a busy server is asked a few times more, when it says.
 * @param {string} path
 * @param {RequestInit} options
 * @param {number} patience
 * @returns {Promise<Response>}
 */
export async function ask(path, options = {}, patience = 5) {
  let response;
  try {
    response = await fetch(address(path), { ...options, headers: keyHeader() });
  } catch {
    throw new ConnectionLost();
  }
  if (away(response.status)) throw new ConnectionLost();
  if (response.ok) return response;
  const seconds = retryAfter(response.headers.get("Retry-After"));
  if (response.status !== 503 || patience <= 0) {
    throw new ProblemError(response.status, await problemOf(response), seconds);
  }
  await pause(seconds ?? 2);
  return ask(path, options, patience - 1);
}

/** @param {string} path */
export async function askJson(path) {
  return (await ask(path)).json();
}

/** Whether the service answers at all. */
export async function isThere() {
  try {
    return (await fetch(address("healthz"))).ok;
  } catch {
    return false;
  }
}

/** @param {Response} response */
async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

/** @param {string | null} header */
function retryAfter(header) {
  const seconds = Number(header);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

/**
 * Send one image. XMLHttpRequest, because fetch reports nothing of an upload's progress.
 *
 * The file is read into memory first: a request whose file cannot be read fails like one whose connection is
 * lost, and would be sent again for ever.
 * @param {File} file
 * @param {(share: number) => void} progress gets 0 to 1 while the body is sent, and 1 when the server reads it.
 * @returns {Promise<Prediction>}
 */
export async function sendImage(file, progress) {
  /** @type {ArrayBuffer} */
  let content;
  try {
    content = await file.arrayBuffer();
  } catch (error) {
    throw new UnreadableFile(error);
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("v1/predictions"));
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    const name = encodeURIComponent(file.name).replace(/['()*]/g, escapeMore);
    request.setRequestHeader("Content-Disposition", `attachment; filename*=UTF-8''${name}`);
    for (const [header, value] of Object.entries(keyHeader())) request.setRequestHeader(header, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = request.onabort = () => reject(new ConnectionLost());
    request.onload = () => {
      const { status, response } = request;
      if (status === 200 || status === 201) resolve(response);
      else if (away(status)) reject(new ConnectionLost());
      else reject(new ProblemError(status, response || {}, retryAfter(request.getResponseHeader("Retry-After"))));
    };
    request.send(content);
  });
}

/** @param {string} character */
function escapeMore(character) {
  return "%" + character.charCodeAt(0).toString(16).toUpperCase();
}

/**
 * Grey values of an image, scaled by the server with antialiasing.
 * @param {Prediction} prediction
 * @param {number} longestSide
 * @returns {Promise<Pixels>}
 */
export async function askImage(prediction, longestSide) {
  if (!prediction.links) throw new Error(`${prediction.image}: the server keeps no image`);
  const response = await ask(`${prediction.links.film_raw}?longest_side=${longestSide}`);
  const [width, height, bits] = ["Width", "Height", "Bits"].map((what) => Number(response.headers.get(`Film-${what}`)));
  const buffer = await response.arrayBuffer();
  return { width, height, bits, grey: bits === 8 ? new Uint8Array(buffer) : new Uint16Array(buffer) };
}
