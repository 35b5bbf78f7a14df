// What the screen must offer, and what it is.

import { CAPTION, GAP } from "./viewport.js";
import { t } from "./words.js";

const MARGIN = 8; // CSS pixels around the images: room for putting them on whole device pixels

/** Whether fingers are what this screen is used with. */
export function touch() {
  return window.matchMedia("(pointer: coarse)").matches;
}

/**
 * The window that the study needs, in CSS pixels, at this device pixel ratio.
 *
 * Under fingers one image at a time is enough where the study shows them in one place; the rows of
 * buttons become several.
 */
export function needed(session) {
  const { compared, views, page_width: buttons } = session.protocol;
  const inPlace = touch() && views.some((view) => ["flicker", "split"].includes(view));
  const { width, height } = room(session, inPlace ? 1 : compared.length);
  return { width: touch() ? width : Math.max(width, buttons), height };
}

/** Whether the images that are compared fit beside each other, pixel by pixel. */
export function besideEachOther(session) {
  return window.innerWidth >= room(session, session.protocol.compared.length).width;
}

function room(session, count) {
  const ratio = window.devicePixelRatio;
  const style = getComputedStyle(document.documentElement);
  const bar = (name) => parseFloat(style.getPropertyValue(name));
  const bars = bar("--top-bar") + CAPTION + bar("--bottom-bar") + MARGIN;
  const images = Math.ceil((count * session.width) / ratio + (count - 1) * GAP + 2 * MARGIN);
  return {
    width: images,
    height: Math.ceil(session.height / ratio + bars),
  };
}

export function fits(session) {
  const { width, height } = needed(session);
  return window.innerWidth >= width && window.innerHeight >= height;
}

/** Whether the screen is as large as the window that is needed, so that a larger window may do. */
export function onThisScreen(session) {
  const { width, height } = needed(session);
  return width <= window.screen.width && height <= window.screen.height;
}

/** Says what is too small and what to do about it. */
export function advice(session) {
  return t(touch() ? "checks.too_small_touch" : "checks.too_small", sizes(session));
}

/** The window that there is and the one that is needed, for texts. */
export function sizes(session) {
  const { width, height } = needed(session);
  return { width: window.innerWidth, height: window.innerHeight, needed_width: width,
    needed_height: height };
}

/** Facts about the screen, for the record. */
export function facts() {
  return {
    viewport: [window.innerWidth, window.innerHeight],
    screen: [window.screen.width, window.screen.height],
    dpr: window.devicePixelRatio,
    zoom: Math.round((100 * window.outerWidth) / window.innerWidth) / 100,
    pinch: window.visualViewport?.scale ?? 1,
    depth: window.screen.colorDepth,
    wide_gamut: window.matchMedia("(color-gamut: p3)").matches,
  };
}
