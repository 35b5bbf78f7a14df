// The side-by-side viewer: which image in which two versions. How they are shown is the business of
// viewport.js, look.js and keys.js, which stand before this in the page.

// `scenes`: [{image, position, views: [{name, score, source}], reference}]; a source is an address.

function startViewer(root, scenes) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const button = (name) => root.querySelector(`[data-act="${name}"]`);
  const home = root.parentElement;
  const dialog = home.querySelector("dialog");
  const viewport = new Viewport(part("room"), part("slider"), () => showState(root, viewport));
  const decoded = new Map();
  let scene = null;
  let request = 0;

  const bitmap = (view) => {
    if (!decoded.has(view)) decoded.set(view, decode(view.source));
    return decoded.get(view);
  };

  async function show() {
    const next = scenes[part("image").selectedIndex];
    const fresh = next !== scene;
    if (fresh) choose(next);
    const left = scene.views[part("left").selectedIndex];
    const right = scene.views[part("right").selectedIndex];
    request += 1;
    const mine = request;
    const wanted = { left, right, ...(scene.reference && { reference: scene.views.at(-1) }) };
    const slots = Object.entries(wanted).map(async ([slot, view]) => [slot, await bitmap(view)]);
    const images = Object.fromEntries(await Promise.all(slots));
    if (mine !== request) return; // something else has been asked for meanwhile
    const labels = { left: label(left), right: label(right), reference: "Reference" };
    if (fresh || !viewport.images) viewport.show(images, ["left", "right"], labels, null);
    else viewport.exchange(images, labels);
  }

  function choose(next) {
    scene = next;
    viewport.clear();
    for (const pending of decoded.values()) pending.then((image) => image.close());
    decoded.clear();
    const names = scene.views.map((view) => view.name);
    for (const [side, first] of [["left", 0], ["right", 1]]) {
      const kept = names.indexOf(part(side).value);
      part(side).replaceChildren(...names.map((name) => new Option(name)));
      part(side).selectedIndex = kept < 0 ? first : kept;
    }
    part("place").textContent = scene.position;
    button("hold").hidden = !scene.reference;
  }

  function step(by) {
    const list = part("right");
    list.selectedIndex = (list.selectedIndex + by + list.length) % list.length;
    show();
  }

  function swap() {
    const [left, right] = [part("left"), part("right")];
    [left.selectedIndex, right.selectedIndex] = [right.selectedIndex, left.selectedIndex];
    show();
  }

  function enlarge() {
    dialog.append(root);
    dialog.showModal();
    button("full").setAttribute("aria-pressed", "true");
    root.focus();
  }

  dialog.addEventListener("close", () => {
    home.append(root);
    button("full").setAttribute("aria-pressed", "false");
    root.focus();
  });

  const act = { ...actions(viewport), swap, full: () => (dialog.open ? dialog.close() : enlarge()) };
  const steps = { back: () => step(-1), on: () => step(1), swap };
  listen(() => root.contains(document.activeElement),
    { ...act, choose: (word) => steps[word]() },
    { ArrowLeft: "back", ArrowRight: "on", ArrowDown: "swap" });
  root.addEventListener("click", (event) => {
    const pressed = event.target.closest("button[data-act]");
    if (!pressed) return;
    if (pressed.dataset.act !== "hold") act[pressed.dataset.act]();
    if (event.detail > 0) root.focus({ preventScroll: true }); // the keys are the viewer's again
  });
  whileHeld(button("hold"), act.hold);
  button("auto").disabled = reducedMotion();
  for (const name of ["image", "left", "right"]) part(name).addEventListener("change", show);

  function use(others) {
    scenes = others;
    part("image").replaceChildren(...scenes.map(({ image }) => new Option(image)));
    part("image").parentElement.hidden = scenes.length < 2;
    root.hidden = scenes.length === 0;
    if (scenes.length) show();
    else viewport.clear();
  }

  use(scenes);
  return { viewport, use };
}

function label({ name, score }) {
  return score ? `${name} · ${score}` : name;
}

// Without any change of the values; of a data address without a request.
async function decode(source) {
  return createImageBitmap(source.startsWith("data:") ? embedded(source) : await loaded(source), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
}

async function loaded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

function embedded(source) {
  const bytes = Uint8Array.from(atob(source.slice(source.indexOf(",") + 1)), (c) => c.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}
