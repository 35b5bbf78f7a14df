// A reader's photograph through the network that the page holds. The work is done in a worker
// (trial_worker.js) that lives as long as one photograph takes.

const trial = document.querySelector(".trial");
const network = JSON.parse(document.querySelector("#trial-data").textContent);
const { use } = startViewer(trial.querySelector(".viewer"), []);
const [drop, work, said, save] = [".drop", ".work", ".said", ".save"].map((name) => trial.querySelector(name));
const progress = work.querySelector("progress");
let worker = null;
let addresses = [];
let latest = 0;

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function restore(file) {
  if (!file) return;
  stop("");
  latest += 1;
  const mine = latest;
  said.textContent = `Reading ${file.name} ..`;
  use([]);
  save.hidden = true;
  for (const address of addresses) URL.revokeObjectURL(address);
  addresses = [];
  let image;
  try {
    image = drawn(await createImageBitmap(file));
  } catch {
    said.textContent = `This browser cannot read ${file.name} as a photograph; JPEG, PNG and WebP it can.`;
    return;
  }
  try {
    const [code, wasm, onnx] = await Promise.all([network.worker, network.wasm, network.onnx].map(unpacked));
    if (mine !== latest) return; // another photograph has come meanwhile
    const began = performance.now();
    const restored = await made(image, code, wasm, onnx);
    if (mine !== latest) return;
    await show(file.name, image, restored);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    said.textContent = `${file.name}: ${restored.width} × ${restored.height} pixels in ${seconds} s.`;
  } catch (error) {
    if (mine === latest) said.textContent = `Not restored: ${error.message || error}. A smaller photograph may do.`;
  } finally {
    if (mine === latest) stop();
  }
}

function drawn(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const brush = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  brush.drawImage(bitmap, 0, 0);
  bitmap.close();
  return brush.getImageData(0, 0, canvas.width, canvas.height);
}

function made(image, code, wasm, onnx) {
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const own = new Worker(address);
  worker = own;
  work.hidden = false;
  progress.removeAttribute("value");
  said.textContent = `${network.model} is being opened ..`;
  return new Promise((done, failed) => {
    own.onerror = (event) => failed(new Error(event.message || "the browser does not run it"));
    own.onmessage = ({ data }) => {
      URL.revokeObjectURL(address);
      if (data.error) failed(new Error(data.error));
      else if (data.pixels) done(new ImageData(data.pixels, data.width, data.height));
      else {
        progress.value = data.done / data.tiles;
        said.textContent = `${data.done} of ${data.tiles} tiles`;
      }
    };
    const { worker: _, wasm: __, onnx: ___, ...about } = network;
    const { width, height } = image;
    own.postMessage({ wasm, onnx, about, width, height, pixels: image.data.slice() });
  });
}

async function show(name, before, after) {
  const files = await Promise.all([before, after].map(png));
  addresses = files.map((file) => URL.createObjectURL(file));
  const small = before.width !== after.width; // pixel on pixel they are compared at one size
  const shown = small ? await png(enlarged(before, after)) : files[0];
  addresses.push(URL.createObjectURL(shown));
  use([{
    image: name,
    position: `the whole image, ${after.width} × ${after.height} pixels${small ? "; the original enlarged" : ""}`,
    views: [{ name: "Original", score: "", source: addresses[2] }, { name: network.model, score: "", source: addresses[1] }],
    reference: false,
  }]);
  save.href = addresses[1];
  save.download = `${name.replace(/\.[^.]*$/, "")}-${network.model}.png`;
  save.hidden = false;
}

function enlarged(image, { width, height }) {
  const small = new OffscreenCanvas(image.width, image.height);
  small.getContext("2d").putImageData(image, 0, 0);
  const brush = new OffscreenCanvas(width, height).getContext("2d", { alpha: false });
  brush.imageSmoothingQuality = "high";
  brush.drawImage(small, 0, 0, width, height);
  return brush.getImageData(0, 0, width, height);
}

function png(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

function stop(word) {
  worker?.terminate();
  worker = null;
  work.hidden = true;
  if (word !== undefined) said.textContent = word;
}

work.querySelector("button").addEventListener("click", () => { latest += 1; stop("Stopped."); });
const input = drop.querySelector("input");
input.addEventListener("change", () => { restore(input.files[0]); input.value = ""; });
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") restore(event.dataTransfer.files[0]);
  });
}
drop.hidden = false;
