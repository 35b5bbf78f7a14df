// The window on the images: one or more panes that show the same place at the same size.
//
// One image pixel covers exactly `zoom` x `zoom` device pixels, so a pane's CSS size is its device
// pixels divided by the device pixel ratio, and its corner is put on a whole device pixel: anything
// else would make the browser resample what people are asked to judge.
//
// This file, look.js, keys.js and viewport.css are the side-by-side viewer (bench/viewer) of the report
// and of the demo too, which put them into their pages: they load nothing.

// CSS pixels between images and above each: whole device pixels at every usual ratio (1.1, 1.25 ..).
export const GAP = 20;
export const CAPTION = 20;

const ZOOMS = [1, 2, 4];
const SLACK = 1e-6;
const TAP = 10; // CSS pixels that a finger may stray while it taps
const AUTO_MS = 700; // below three changes a second (WCAG 2.3.1)

export class Viewport {
  /**
   * @param {HTMLElement} room    where the panes go; its size is all the space there is
   * @param {HTMLInputElement} slider   where the split lies, 0..100
   * @param {() => void} changed  called after every change of what is shown
   */
  constructor(room, slider, changed) {
    this.room = room;
    this.slider = slider;
    this.changed = changed;
    this.mode = "side";
    this.zoom = 1;
    this.holding = false; // the reference is held in place of everything
    this.shown = 0; // which view the flicker shows
    this.auto = null;
    this.fingers = new Map(); // on the screen: pointer -> where
    this.tapFlickers = true;
    this.zooms = ZOOMS;
    this.beginsWhole = false; // an image that is larger than the room is first shown whole
    this.images = null;
    this.panes = [];
    this.use = freshUse();
    slider.addEventListener("input", () => this.draw());
    room.addEventListener("pointerdown", (event) => this.startDrag(event));
    room.addEventListener("pointermove", (event) => this.followSplit(event));
    const resized = () => {
      this.layout();
      this.changed();
    };
    new ResizeObserver(resized).observe(room);
    window.addEventListener("resize", resized);
  }

  /**
   * Shows decoded images. `views` are the slots compared with each other, in order; `beside` is the
   * slot put between them where there is room, or null.
   */
  show(images, views, labels, beside) {
    Object.assign(this, { images, views, labels, beside });
    const [first] = views.map((slot) => images[slot]);
    this.width = first.width;
    this.height = first.height;
    this.centre = { x: this.width / 2, y: this.height / 2 };
    if (this.fingers.size > 0) this.takeHold();
    this.zooms = this.beginsWhole ? [...this.whole(), ...ZOOMS] : ZOOMS;
    this.zoom = this.zooms[0];
    this.shown = 0;
    this.holding = false;
    this.slider.value = 50;
    this.stopAuto();
    if (views.length < 2) this.mode = "side";
    this.use = freshUse(this.mode);
    this.layout();
    this.changed();
  }

  /** Shows other images of the same size, at the same place and in the same way. */
  exchange(images, labels) {
    Object.assign(this, { images, labels });
    this.layout();
    this.changed();
  }

  clear() {
    this.stopAuto();
    this.images = null;
    this.room.replaceChildren();
    this.panes = [];
  }

  /** What the rater did to see the images, for the record. */
  record() {
    return { modes: [...this.use.modes], flickers: this.use.flickers, held: this.use.held,
      zoom: this.zoom, zoom_max: this.use.zoom, pans: this.use.pans };
  }

  /** Whether the reference, or half of it, is to be seen. */
  get showsReference() {
    if (!this.images?.reference) return false;
    return this.holding || (this.mode === "split" ? this.views : this.slots()).includes("reference");
  }

  // --- what the rater can do -------------------------------------------------------------------

  setMode(mode) {
    if (!this.images || (mode !== "side" && this.views.length < 2)) return;
    this.stopAuto();
    this.mode = mode;
    this.use.modes.add(mode);
    this.layout();
    this.changed();
  }

  flicker() {
    if (!this.images || this.views.length < 2) return;
    if (this.mode === "flicker") this.shown = 1 - this.shown;
    else this.setMode("flicker");
    this.use.flickers += 1;
    this.draw();
    this.changed();
  }

  /** Flickers by itself, or stops. Never starts for those who asked for less motion. */
  toggleAuto() {
    if (this.auto) {
      this.stopAuto();
    } else if (!reducedMotion()) {
      this.flicker();
      this.auto = setInterval(() => this.flicker(), AUTO_MS);
    }
    this.changed();
  }

  stopAuto() {
    clearInterval(this.auto);
    this.auto = null;
  }

  hold(on) {
    if (!this.images?.reference || on === this.holding) return;
    this.holding = on;
    if (on) this.use.held += 1;
    this.draw();
    this.changed();
  }

  nextZoom() {
    const { zooms } = this;
    if (this.images) this.zoomTo(zooms[(zooms.indexOf(this.zoom) + 1) % zooms.length]);
  }

  zoomTo(zoom) {
    this.zoom = zoom;
    this.use.zoom = Math.max(this.use.zoom, this.zoom);
    this.layout();
    this.changed();
  }

  /** Moves the place looked at by parts of what is visible. */
  pan(right, down) {
    if (!this.images) return;
    const { width, height } = this.paneSize();
    this.centre.x += (right * width) / (8 * this.zoom);
    this.centre.y += (down * height) / (8 * this.zoom);
    this.use.pans += 1;
    this.draw();
  }

  // --- pointer ---------------------------------------------------------------------------------

  startDrag(event) {
    if (!this.images || event.button !== 0) return;
    if (event.pointerType === "touch") return void this.startTouch(event);
    let { clientX: x, clientY: y } = event;
    const move = ({ clientX, clientY }) => {
      const scale = window.devicePixelRatio / this.zoom;
      this.centre.x -= (clientX - x) * scale;
      this.centre.y -= (clientY - y) * scale;
      [x, y] = [clientX, clientY];
      this.draw();
    };
    const end = () => {
      this.room.classList.remove("dragging");
      this.room.removeEventListener("pointermove", move);
      for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, end);
    };
    this.use.pans += 1;
    this.room.classList.add("dragging");
    this.room.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, end);
  }

  /** A tap flickers, a drag moves the images or the split, two fingers zoom and move the images. */
  startTouch(event) {
    this.fingers.set(event.pointerId, place(event));
    if (this.fingers.size > 1) {
      const [one, other] = this.fingers.values();
      this.gesture = { tap: false, spread: spread(one, other), zoom: this.zoom };
      this.takeHold();
      return;
    }
    this.gesture = { tap: true };
    this.takeHold();
    const move = (moved) => this.moveTouch(moved);
    const end = ({ pointerId, type }) => {
      this.fingers.delete(pointerId);
      if (this.fingers.size > 0) return void this.takeHold();
      this.room.removeEventListener("pointermove", move);
      for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, end);
      if (this.gesture.tap && type === "pointerup" && this.tapFlickers) this.flicker();
    };
    this.room.addEventListener("pointermove", move);
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, end);
  }

  /** From here on the place that is looked at follows the middle of all fingers. Where it comes to
   * follows from where they are, not from which of them the browser told of first. */
  takeHold() {
    Object.assign(this.gesture, { from: middle(this.fingers), centre: { ...this.centre } });
  }

  moveTouch(event) {
    if (!this.fingers.has(event.pointerId) || !this.images) return;
    const now = place(event);
    this.fingers.set(event.pointerId, now);
    const { gesture } = this;
    if (gesture.tap) {
      if (spread(now, gesture.from) < TAP) return;
      gesture.tap = false;
      if (this.mode !== "split") this.use.pans += 1;
    }
    const fingers = [...this.fingers.values()];
    if (fingers.length === 1 && gesture.spread === undefined && this.mode === "split") {
      return void this.splitAt(now.x);
    }
    let { zoom } = this;
    if (fingers.length > 1) {
      const wanted = (gesture.zoom * spread(...fingers)) / gesture.spread;
      zoom = this.zooms.findLast((step) => step <= wanted * Math.SQRT2) ?? this.zooms[0];
    }
    const { x, y } = middle(this.fingers);
    const scale = window.devicePixelRatio / zoom;
    this.centre.x = gesture.centre.x - (x - gesture.from.x) * scale;
    this.centre.y = gesture.centre.y - (y - gesture.from.y) * scale;
    if (zoom === this.zoom) this.draw();
    else this.zoomTo(zoom);
  }

  splitAt(x) {
    const box = this.panes[0].canvas.getBoundingClientRect();
    this.slider.value = 100 * clamp((x - box.left) / box.width, 0, 1);
    this.draw();
  }

  followSplit(event) {
    if (event.pointerType === "touch") return;
    if (this.mode !== "split" || !this.images || event.buttons) return;
    const box = this.panes[0].canvas.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    if (part < 0 || part > 1) return;
    this.slider.value = 100 * part;
    this.draw();
  }

  // --- drawing ---------------------------------------------------------------------------------

  /** The slots that get a pane each, from left to right. */
  slots() {
    return this.mode === "side" ? this.row() : [this.views[this.shown]];
  }

  /** The same where images are side by side: the reference between them where there is room. */
  row() {
    const all = this.beside ? this.views.toSpliced(1, 0, this.beside) : this.views;
    return this.fits(all.length) ? all : this.views;
  }

  /** Whether `count` whole images fit beside each other at 1:1. */
  fits(count) {
    const device = Math.floor(this.room.clientWidth * window.devicePixelRatio);
    return count * this.width + (count - 1) * GAP * window.devicePixelRatio <= device;
  }

  /** The zoom, below 1, at which the whole image is seen; none where it is at 1. */
  whole() {
    const ratio = window.devicePixelRatio;
    const zoom = Math.min((this.room.clientWidth * ratio) / this.width,
      ((this.room.clientHeight - CAPTION) * ratio) / this.height);
    return zoom < 1 && zoom > 0 ? [zoom] : [];
  }

  /** A pane in device pixels: the zoomed image, or the room where that is smaller. */
  paneSize() {
    const ratio = window.devicePixelRatio;
    const count = this.slots().length;
    const wide = Math.floor(((this.room.clientWidth - GAP * (count - 1)) / count) * ratio);
    const high = Math.floor((this.room.clientHeight - CAPTION) * ratio);
    return {
      width: Math.max(1, Math.min(Math.ceil(this.width * this.zoom - SLACK), wide)),
      height: Math.max(1, Math.min(Math.ceil(this.height * this.zoom - SLACK), high)),
    };
  }

  layout() {
    if (!this.images) return;
    const ratio = window.devicePixelRatio;
    const size = this.paneSize();
    const slots = this.slots();
    while (this.panes.length > slots.length) this.panes.pop().figure.remove();
    while (this.panes.length < slots.length) this.panes.push(newPane(this.room));
    const box = this.room.getBoundingClientRect();
    const grid = deviceGrid(ratio);
    const snap = (device, round) => grid * round(device / grid);
    // Of the document, not of the window: browsers scroll by whole device pixels.
    const [right, down] = [box.left + window.scrollX, box.top + window.scrollY];
    const pitch = snap(size.width + GAP * ratio, Math.ceil);
    const total = (slots.length - 1) * pitch + size.width;
    const left = snap(right * ratio + (box.width * ratio - total) / 2, Math.round);
    const high = CAPTION * ratio + size.height;
    const top = snap(down * ratio + (box.height * ratio - high) / 2, Math.round);
    this.panes.forEach(({ figure, canvas }, index) => {
      canvas.width = size.width;
      canvas.height = size.height;
      canvas.style.width = `${size.width / ratio}px`;
      canvas.style.height = `${size.height / ratio}px`;
      figure.style.left = `${(left + index * pitch) / ratio - right}px`;
      figure.style.top = `${top / ratio - down}px`;
      figure.style.paddingTop = `${CAPTION}px`;
    });
    this.draw();
  }

  draw() {
    if (!this.images) return;
    const size = this.paneSize();
    const [wide, high] = [size.width / this.zoom, size.height / this.zoom];
    this.centre.x = clamp(this.centre.x, wide / 2, this.width - wide / 2);
    this.centre.y = clamp(this.centre.y, high / 2, this.height - high / 2);
    // Whole image pixels, so that the grid of a zoomed image does not crawl.
    const x = Math.max(0, Math.floor(this.centre.x - wide / 2));
    const y = Math.max(0, Math.floor(this.centre.y - high / 2));
    this.slots().forEach((slot, index) => {
      const pane = this.panes[index];
      const shown = this.holding ? "reference" : slot;
      const split = this.mode === "split" && !this.holding;
      paint(pane.canvas, this.images[split ? this.views[0] : shown], x, y, this.zoom, 0);
      if (split) {
        const edge = Math.round((size.width * this.slider.value) / 100);
        paint(pane.canvas, this.images[this.views[1]], x, y, this.zoom, edge);
        pane.line.style.left = `${edge / window.devicePixelRatio}px`;
      }
      pane.line.hidden = !split;
      const names = split ? this.views.map((view) => this.labels[view]) : [this.labels[shown]];
      pane.caption.replaceChildren(...names.map((text) => element("span", text)));
      pane.canvas.setAttribute("aria-label", names.join(" | "));
      pane.figure.dataset.slot = split ? "split" : shown;
    });
  }
}

// The fewest device pixels that are whole CSS pixels too: browsers may snap to either.
function deviceGrid(ratio) {
  for (let css = 1; css <= 20; css += 1) {
    const device = Math.round(css * ratio);
    if (Math.abs(css * ratio - device) < 1e-4) return device;
  }
  return 1;
}

function paint(canvas, bitmap, x, y, zoom, from) {
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingEnabled = zoom < 1; // only what is shown whole is made smaller
  context.imageSmoothingQuality = "high";
  context.save();
  context.beginPath();
  context.rect(from, 0, canvas.width - from, canvas.height);
  context.clip();
  context.drawImage(bitmap, -x * zoom, -y * zoom, bitmap.width * zoom, bitmap.height * zoom);
  context.restore();
}

function newPane(room) {
  const figure = element("figure");
  const caption = element("figcaption");
  const canvas = element("canvas");
  const line = element("i");
  canvas.setAttribute("role", "img");
  figure.append(caption, canvas, line);
  room.append(figure);
  return { figure, caption, canvas, line };
}

function element(name, text = "") {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), Math.max(low, high));
}

function place({ clientX: x, clientY: y }) {
  return { x, y };
}

/** The mean of the places of all fingers. */
function middle(fingers) {
  const places = [...fingers.values()];
  const mean = (axis) => places.reduce((sum, at) => sum + at[axis], 0) / places.length;
  return { x: mean("x"), y: mean("y") };
}

function spread(one, other) {
  return Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
}

function freshUse(mode = "side") {
  return { modes: new Set([mode]), flickers: 0, held: 0, zoom: 1, pans: 0 };
}

export function reducedMotion() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
