// What the screen must offer, and what it is.

import { CAPTION, GAP } from "./viewport.js";

const MARGIN = 8; // CSS pixels around the images: room for putting them on whole device pixels

/** The window that the study needs, in CSS pixels, at this device pixel ratio. */
export function needed(session) {
  const ratio = window.devicePixelRatio;
  const style = getComputedStyle(document.documentElement);
  const bar = (name) => parseFloat(style.getPropertyValue(name));
  const bars = bar("--top-bar") + CAPTION + bar("--bottom-bar") + MARGIN;
  const { compared, page_width: buttons } = session.protocol;
  const count = compared.length; // images that must fit beside each other
  const images = Math.ceil((count * session.width) / ratio + (count - 1) * GAP + 2 * MARGIN);
  return {
    width: Math.max(images, buttons),
    height: Math.ceil(session.height / ratio + bars),
  };
}

export function fits(session) {
  const { width, height } = needed(session);
  return window.innerWidth >= width && window.innerHeight >= height;
}

/** Says what is too small and what to do about it. */
export function advice(session) {
  const { width, height } = needed(session);
  return `The images need a window of ${width} × ${height}; yours is ${window.innerWidth} × ` +
    `${window.innerHeight}. Make it larger, press F11 for the full screen, or zoom the browser ` +
    "out (Ctrl and −): the images keep their size.";
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
