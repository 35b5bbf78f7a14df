// Stimuli: fetched as bytes, decoded without any change of their values, held until not needed.

import { Refused, Unreachable, at, persist } from "./api.js";
import { t } from "./words.js";

const TIMEOUT_MS = 60000;

export class Images {
  constructor() {
    this.held = new Map();
  }

  /** Starts fetching `slots` ({a: url, ...}); never fails, `get` reports. */
  preload(slots) {
    for (const url of Object.values(slots)) {
      if (!this.held.has(url)) this.held.set(url, decode(url));
      this.held.get(url).catch(() => this.held.delete(url));
    }
  }

  /** Starts fetching sets of slots one after the other, so that the nearest is there first. */
  async preloadInTurn(sets) {
    const turn = {};
    this.turn = turn;
    for (const slots of sets) {
      if (this.turn !== turn) return;
      this.preload(slots);
      await Promise.allSettled(Object.values(slots).map((url) => this.held.get(url)));
    }
  }

  /** Returns {a: ImageBitmap, ...}, trying again while the server cannot be reached. */
  async get(slots, onWait) {
    const entries = Object.entries(slots).map(async ([slot, url]) => {
      const bitmap = await persist(() => {
        this.preload({ url });
        return this.held.get(url);
      }, onWait);
      return [slot, bitmap];
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Lets go of everything but the given sets of slots. */
  keep(...sets) {
    const wanted = new Set(sets.filter(Boolean).flatMap((slots) => Object.values(slots)));
    for (const [url, promise] of this.held) {
      if (wanted.has(url)) continue;
      this.held.delete(url);
      promise.then((bitmap) => bitmap.close(), () => {});
    }
  }
}

async function decode(url) {
  let response;
  let blob;
  try {
    response = await fetch(at(url), { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    blob = await response.blob();
  } catch (error) {
    throw new Unreachable(String(error));
  }
  if (response.status >= 500 || response.status === 429) throw new Unreachable(response.status);
  if (!response.ok) throw new Refused(response.status, "image", t("message.image"));
  return createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
}
