// Screen checks: is the window large enough, is the browser's zoom known, are dark and bright steps
// told apart, and numbers in plates of colours where the study asks for that. The answers are recorded
// with the study; only a window too small stops anyone.

import { advice, facts, fits, sizes } from "./screen.js";
import { t } from "./words.js";

const STEPS = { dark: [3, 6, 10, 15, 21], bright: [252, 249, 245, 240, 234] };
const GROUND = { dark: 0, bright: 255 };

export function setUpChecks(root, session, done) {
  const size = root.querySelector("#check-size");
  const zoom = root.querySelector("#check-zoom");
  const button = root.querySelector("#check-done");
  const counts = { dark: root.querySelector("#seen-dark"), bright: root.querySelector("#seen-bright") };

  for (const [name, levels] of Object.entries(STEPS)) {
    drawSteps(root.querySelector(`#steps-${name}`), GROUND[name], levels);
  }

  const readings = setUpPlates(root.querySelector("#plates"), session.plates);
  root.querySelector("#colours").hidden = session.plates === 0;

  function refresh() {
    const large = fits(session);
    size.textContent = large ? t("checks.large_enough", sizes(session)) : advice(session);
    size.dataset.good = large;
    const found = facts();
    zoom.textContent = found.pinch !== 1
      ? t("checks.magnified") : t("checks.pixels", { ratio: found.dpr });
    zoom.dataset.good = found.pinch === 1;
    const answered = Object.values(counts).every((select) => select.value !== "");
    button.disabled = !large || found.pinch !== 1 || !answered;
  }

  window.addEventListener("resize", refresh);
  for (const select of Object.values(counts)) select.addEventListener("change", refresh);
  button.addEventListener("click", () => {
    button.disabled = true; // one click, one answer
    done({ ...facts(), dark_seen: Number(counts.dark.value),
      bright_seen: Number(counts.bright.value),
      plates: readings.map((input) => input.value.trim()) });
  });
  return { refresh };
}

// The pictures of the colour check, and a field for the number in each.
function setUpPlates(root, count) {
  const inputs = [];
  root.replaceChildren(...Array.from({ length: count }, (_, place) => {
    const label = document.createElement("label");
    const picture = document.createElement("img");
    picture.src = `/api/plate/${place}`;
    picture.alt = t("checks.colours_picture", { number: place + 1 });
    const input = document.createElement("input");
    input.inputMode = "numeric";
    input.maxLength = 4;
    input.autocomplete = "off";
    input.setAttribute("aria-label", t("checks.colours_number", { number: place + 1 }));
    inputs.push(input);
    label.append(picture, input);
    return label;
  }));
  return inputs;
}

// Squares a little off their ground, each one further; canvas, so that no theme changes them.
function drawSteps(canvas, ground, levels) {
  const context = canvas.getContext("2d");
  context.fillStyle = grey(ground);
  context.fillRect(0, 0, canvas.width, canvas.height);
  const size = canvas.height / 2;
  const pitch = canvas.width / levels.length;
  levels.forEach((level, index) => {
    context.fillStyle = grey(level);
    context.fillRect((index + 0.5) * pitch - size / 2, size / 2, size, size);
  });
}

function grey(level) {
  return `rgb(${level} ${level} ${level})`;
}
