// Screen checks: is the window large enough, is the browser's zoom known, are dark and bright steps
// told apart. The answers are recorded with the study; only a window too small stops anyone.

import { advice, facts, fits, needed } from "./screen.js";

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

  function refresh() {
    const { width, height } = needed(session);
    const large = fits(session);
    size.textContent = large
      ? `Large enough: ${window.innerWidth} × ${window.innerHeight}, needed ${width} × ${height}.`
      : advice(session);
    size.dataset.good = large;
    const found = facts();
    zoom.textContent = found.pinch !== 1
      ? "The page is magnified. Please undo that (pinch, or double-tap)."
      : `One image pixel will be one pixel of your screen (ratio ${found.dpr}).`;
    zoom.dataset.good = found.pinch === 1;
    const answered = Object.values(counts).every((select) => select.value !== "");
    button.disabled = !large || found.pinch !== 1 || !answered;
  }

  window.addEventListener("resize", refresh);
  for (const select of Object.values(counts)) select.addEventListener("change", refresh);
  button.addEventListener("click", () => {
    button.disabled = true; // one click, one answer
    done({ ...facts(), dark_seen: Number(counts.dark.value),
      bright_seen: Number(counts.bright.value) });
  });
  return { refresh };
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
