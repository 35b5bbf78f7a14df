// The keyboard. Every key here has a button on the page.

const REPEATS = ["Enter", " ", "ArrowDown", "ArrowUp"];
const PANS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Listens while `active()` holds.
 * @param {Record<string, Function>} act  choose(word), confirm, flicker, hold(on), zoom,
 *                                        pan(right, down), revise, cancel, help;
 *                                        slides(event): whether a key is a slider's own
 * @param {Record<string, string>} choices  key -> the word that `choose` is called with
 */
export function listen(active, act, choices) {
  document.addEventListener("keydown", (event) => {
    if (!active() || event.ctrlKey || event.altKey || event.metaKey) return;
    if (act.slides?.(event)) return;
    // A key held down does nothing twice: neither here nor as the click of a focused button.
    const panning = event.shiftKey && event.key in PANS;
    if (event.repeat && !panning) {
      if (REPEATS.includes(event.key)) event.preventDefault();
      return;
    }
    const action = find(event, act, choices);
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "r") act.hold(false);
  });
  window.addEventListener("blur", () => act.hold(false));
}

function find(event, act, choices) {
  const { key, shiftKey, target } = event;
  if (target.matches("input, select, textarea") && !target.matches(".scale input")) return null;
  if (shiftKey && key in PANS) return () => act.pan(...PANS[key]);
  if (key === "Enter" || key === " ") {
    // A focused button does what it says; but Enter on the answer already chosen confirms it.
    const button = target.closest("button");
    const chosen = button?.getAttribute("aria-pressed") === "true" && button.dataset.answer;
    if (button && !(chosen && key === "Enter")) return null;
    return key === "Enter" ? act.confirm : act.flicker;
  }
  if (shiftKey && key !== "?") return null;
  if (Object.hasOwn(choices, key)) return () => act.choose(choices[key]);
  const named = { r: () => act.hold(true), z: act.zoom, u: act.revise, "?": act.help,
    Escape: act.cancel };
  return named[key.length === 1 ? key.toLowerCase() : key] ?? null;
}
