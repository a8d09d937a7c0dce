// The REST interface. Every failure becomes an Error with a message for people.

const KEY = "chexnet-api-key";

/** An answer that is a problem (RFC 9457); `problem` is its JSON. */
export class ProblemError extends Error {
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

/** Bad Gateway, Gateway Timeout: the proxy is there, the service is not. */
const away = (status) => status === 502 || status === 504;

export function rememberKey(key) {
  sessionStorage.setItem(KEY, key);
}

function keyHeader() {
  const key = sessionStorage.getItem(KEY);
  return key ? { "X-API-Key": key } : {};
}

/** A response that is not a problem; a busy server is asked a few times more, when it says. */
export async function ask(path, options = {}, patience = 5) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { ...options.headers, ...keyHeader() } });
  } catch {
    throw new ConnectionLost();
  }
  if (away(response.status)) throw new ConnectionLost();
  if (!response.ok) {
    const seconds = retryAfter(response.headers);
    if (response.status === 503 && patience > 0) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * (seconds ?? 2)));
      return ask(path, options, patience - 1);
    }
    throw new ProblemError(response.status, await problemOf(response), seconds);
  }
  return response;
}

export async function askJson(path) {
  return (await ask(path)).json();
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

function retryAfter(headers) {
  const seconds = Number(headers.get("Retry-After"));
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

/**
 * Send one film. XMLHttpRequest, because fetch tells nothing of an upload's progress.
 * `progress` gets 0 to 1 while the body is sent, and 1 when the server reads it.
 */
export function sendFilm(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/predictions");
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    const name = encodeURIComponent(file.name).replace(/['()*]/g, escapeMore);
    request.setRequestHeader("Content-Disposition", `attachment; filename*=UTF-8''${name}`);
    for (const [header, value] of Object.entries(keyHeader())) request.setRequestHeader(header, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new ConnectionLost());
    request.onabort = () => reject(new ConnectionLost());
    request.onload = () => {
      if (request.status === 201) {
        resolve(request.response);
      } else if (away(request.status)) {
        reject(new ConnectionLost());
      } else {
        const seconds = Number(request.getResponseHeader("Retry-After"));
        reject(new ProblemError(request.status, request.response || {}, seconds > 0 ? seconds : null));
      }
    };
    request.send(file);
  });
}

function escapeMore(character) {
  return "%" + character.charCodeAt(0).toString(16).toUpperCase();
}

/** Grey values of a film, at most `longestSide` pixels a side, scaled by the server with antialiasing. */
export async function askFilm(prediction, longestSide) {
  const response = await ask(`${prediction.links.film_raw}?longest_side=${longestSide}`);
  const bits = Number(response.headers.get("Film-Bits"));
  const buffer = await response.arrayBuffer();
  return {
    width: Number(response.headers.get("Film-Width")),
    height: Number(response.headers.get("Film-Height")),
    bits,
    grey: bits === 8 ? new Uint8Array(buffer) : new Uint16Array(buffer),
  };
}
