// Talking to the server, and sending each judgement exactly once.
//
// A judgement gets its key before it is sent and stays in the browser's storage until the server
// has acknowledged it. Whatever happens in between (a lost reply, a reload, a restarted server), it
// is sent again under the same key, and the server stores one key once.

const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15000];
const TIMEOUT_MS = 15000;

/** Where the server has `path`: a proxy may serve it under a path of its own. */
export function at(path) {
  return new URL(`..${path}`, import.meta.url);
}

/** The server could not be reached, or failed for the moment: worth another try. */
export class Unreachable extends Error {}

/** The server has understood and says no. `kind` is a word of its API, `message` is for people. */
export class Refused extends Error {
  constructor(status, kind, message) {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

let whose = null;

/** From here on every request says whose page this is: in a shared browser, the cookie may change. */
export function belongTo(who) {
  whose = who;
}

/** One attempt. Returns the reply; throws Unreachable or Refused. */
export async function call(path, body) {
  const options = { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS), headers: {} };
  if (whose) options.headers["X-Rater"] = whose;
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  let reply;
  try {
    response = await fetch(at(path), options);
    reply = await response.json();
  } catch (error) {
    throw new Unreachable(String(error));
  }
  if (response.ok) return reply;
  if (response.status >= 500 || response.status === 429) throw new Unreachable(reply.message);
  throw new Refused(response.status, reply.error, reply.message);
}

/** Repeats `attempt` until it gets through; `onWait` hears of every failed try. */
export async function persist(attempt, onWait) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      onWait();
      await pause(WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]);
    }
  }
}

// Ends early when the network comes back or the rater asks for another try.
function pause(ms) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      window.removeEventListener("rating:retry", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    window.addEventListener("online", end);
    window.addEventListener("rating:retry", end);
  });
}

/** Whether a refusal is of the session and not of the message. */
export function isUndecided({ status, kind }) {
  return status === 401 || kind === "another";
}

/** What was decided and is not yet acknowledged; one entry of the storage for each. */
export class Outbox {
  /** @param {string} owner opaque name of the rater: two raters may share one browser */
  constructor(owner, storage = safeStorage("localStorage")) {
    this.prefix = `outbox:${owner}:`;
    this.storage = storage;
  }

  names() {
    return Object.keys(this.storage).filter((key) => key.startsWith(this.prefix));
  }

  get empty() {
    return this.names().length === 0;
  }

  /** Keeps the message; from here on it will arrive. */
  put(path, body) {
    this.storage.setItem(this.prefix + body.key, JSON.stringify({ path, body }));
  }

  /** Sends what is kept under `key`; returns the reply. Throws Refused, and then it is dropped. */
  async deliver(key, tab, onWait) {
    const name = this.prefix + key;
    const { path, body } = JSON.parse(this.storage.getItem(name));
    try {
      const reply = await persist(() => call(path, { ...body, tab }), onWait);
      this.storage.removeItem(name);
      return reply;
    } catch (error) {
      // Where it is not known whose it is, nothing was decided: it waits for the rater's next visit.
      if (!isUndecided(error)) this.storage.removeItem(name);
      throw error;
    }
  }

  /** Sends everything that an earlier visit left behind. */
  async deliverAll(tab, onWait) {
    for (const name of this.names()) {
      await this.deliver(name.slice(this.prefix.length), tab, onWait);
    }
  }
}

/** This tab's name, kept over reloads. */
export function tabName(storage = safeStorage("sessionStorage")) {
  const known = storage.getItem("tab");
  if (known) return known;
  const name = newKey();
  storage.setItem("tab", name);
  return name;
}

/** How often this tab has loaded the trial before. */
export function countReloads(trial, storage = safeStorage("sessionStorage")) {
  const last = JSON.parse(storage.getItem("seen") ?? "null");
  const reloads = last?.trial === trial ? last.reloads + 1 : 0;
  storage.setItem("seen", JSON.stringify({ trial, reloads }));
  return reloads;
}

/** 128 random bits. (`randomUUID` exists only on secure origins; a lab's plain-HTTP address is none.) */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Some browsers forbid storage; then the open page is all the memory there is.
function safeStorage(name) {
  try {
    const storage = window[name];
    storage.setItem("probe", "1");
    storage.removeItem("probe");
    return storage;
  } catch {
    return memoryStorage();
  }
}

const memory = {};
function memoryStorage() {
  const methods = {
    getItem: { value: (key) => memory[key] ?? null },
    setItem: { value: (key, text) => { memory[key] = text; } },
    removeItem: { value: (key) => { delete memory[key]; } },
  };
  return Object.defineProperties(memory, methods);
}
