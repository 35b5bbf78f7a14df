// A scale that is chosen on by a slider, in place of answers' buttons: its own arrow and page keys
// move it. There is no mark on it before the first choice, which would draw answers to where it is.

const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"];

/** Whether a key is the slider's own, and not the page's. */
export function slides({ target, key, shiftKey }) {
  return target.matches(".scale input") && !shiftKey && KEYS.includes(key);
}

export class Scale {
  /** @param choose (code) => void */
  constructor(group, { answers, marks }, question, choose) {
    const values = answers.map(({ code }) => Number(code));
    this.middle = (values.at(0) + values.at(-1)) / 2;
    this.labels = new Map(answers.map(({ code, label }) => [code, label]));
    this.marks = marks;
    const input = document.createElement("input");
    Object.assign(input, { type: "range", disabled: true, min: values.at(0), max: values.at(-1), step: 1 });
    input.setAttribute("aria-label", question);
    input.addEventListener("input", () => choose(input.value));
    // The middle, where the slider waits unseen, is a choice too.
    input.addEventListener("pointerup", () => choose(input.value));
    const names = document.createElement("div");
    names.className = "names";
    names.setAttribute("aria-hidden", "true");
    names.append(...marks.map((code) => {
      const name = document.createElement("span");
      name.textContent = this.labels.get(code);
      return name;
    }));
    group.classList.add("scale");
    group.replaceChildren(input, names);
    this.input = input;
  }

  render(accepting, choice) {
    const { input } = this;
    const opens = input.disabled && accepting;
    input.disabled = !accepting;
    input.classList.toggle("chosen", choice !== null);
    const value = choice ?? String(this.middle);
    if (input.value !== value) input.value = value;
    input.setAttribute("aria-valuetext", choice === null ? "…" : `${choice}: ${this.nearest(choice)}`);
    const busy = document.activeElement?.matches("button, input, select, textarea, a");
    if (opens && (!busy || document.activeElement === input)) input.focus({ preventScroll: true });
  }

  nearest(choice) {
    const apart = (code) => Math.abs(Number(code) - Number(choice));
    return this.labels.get(this.marks.reduce((one, other) => (apart(other) < apart(one) ? other : one)));
  }
}
