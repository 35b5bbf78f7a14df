// The buttons of the ways to look: what they do to a viewport, and what they show of it.

/** What buttons (`data-act`) and keys do to a viewport. */
export function actions(viewport) {
  const pan = (right, down) => viewport.pan(right, down);
  return {
    side: () => viewport.setMode("side"), split: () => viewport.setMode("split"),
    flicker: () => viewport.flicker(), auto: () => viewport.toggleAuto(),
    hold: (on) => viewport.hold(on), zoom: () => viewport.nextZoom(), pan,
    panLeft: () => pan(-1, 0), panRight: () => pan(1, 0),
    panUp: () => pan(0, -1), panDown: () => pan(0, 1),
  };
}

/** Shows on the buttons in `root`, and on itself, how the viewport shows its images. */
export function showState(root, { mode, zoom, auto, holding }) {
  const press = (name, on) => {
    root.querySelector(`[data-act="${name}"]`).setAttribute("aria-pressed", String(on));
  };
  for (const name of ["side", "flicker", "split"]) press(name, mode === name);
  press("auto", auto !== null);
  press("hold", holding);
  root.querySelector('[data-part="zoom"]').textContent =
    zoom < 1 ? `${Math.round(100 * zoom)} %` : `${zoom}×`;
  root.querySelector('[data-part="slider"]').hidden = mode !== "split";
  root.dataset.mode = mode;
  root.dataset.zoom = zoom;
}

/** Calls `hold` while `button` is held with the pointer, or with Space or Enter while focused. */
export function whileHeld(button, hold) {
  const on = (event) => {
    if (event.key && ![" ", "Enter"].includes(event.key)) return;
    event.preventDefault();
    if (!event.repeat) hold(true);
  };
  const off = () => hold(false);
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // of a long press
  for (const name of ["pointerdown", "keydown"]) button.addEventListener(name, on);
  for (const name of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) {
    button.addEventListener(name, off);
  }
}
