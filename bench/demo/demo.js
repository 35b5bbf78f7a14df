// Starts the viewer in the page's component, and shows in it what Python tells: see viewer.js.
// `element`, `props` and `watch` are Gradio's.

let running = null;

function showScenes() {
  const root = element.querySelector(".viewer");
  if (!root) return;
  const scenes = JSON.parse(props.value || "[]");
  if (running?.root !== root) {
    const { viewport, use } = startViewer(root, []);
    viewport.beginsWhole = true;
    viewport.mode = "split";
    running = { root, use, last: "" };
  }
  if (running.last === props.value) return;
  running.last = props.value;
  running.use(scenes);
}

watch("value", showScenes);
showScenes();
