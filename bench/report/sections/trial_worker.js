// Stands after onnxruntime-web's code, whose default export is __RUNTIME__. Pixels in, pixels
// out; mirrored, cut into tiles and blended as models/restorer.py does it.
{
  const ort = __RUNTIME__;
  const SMALL = 1e-6;

  onmessage = async ({ data }) => {
    try {
      ort.env.wasm.numThreads = 1;
      ort.env.wasm.wasmBinary = data.wasm;
      ort.env.logLevel = "error";
      const session = await ort.InferenceSession.create(data.onnx, { executionProviders: ["wasm"] });
      const made = await restored(session, data.about, data);
      postMessage(made, [made.pixels.buffer]);
    } catch (error) {
      postMessage({ error: String(error?.message ?? error) });
    }
  };

  async function restored(session, about, { pixels, width, height }) {
    const { scale, tile, overlap } = about;
    const padded = [height, width].map((side, axis) =>
      Math.ceil(Math.max(side, about.minimum[axis]) / about.multiple[axis]) * about.multiple[axis]);
    const [high, wide] = padded.map((side, axis) => Math.min(side, tile[axis]));
    const [tops, lefts] = padded.map((side, axis) =>
      starts(side, tile[axis], Math.floor((tile[axis] - overlap[axis]) / about.multiple[axis]) * about.multiple[axis]));
    const grey = about.channels === 1 && isGrey(pixels);
    const out = { width: width * scale, height: height * scale };
    const total = new Float32Array(3 * out.width * out.height);
    const rowSums = new Float32Array(padded[0] * scale);
    const columnSums = new Float32Array(padded[1] * scale);
    const rows = tops.map((top) => weights(top, high, padded[0], overlap[0], scale));
    const columns = lefts.map((left) => weights(left, wide, padded[1], overlap[1], scale));
    tops.forEach((top, at) => rows[at].forEach((weight, y) => { rowSums[top * scale + y] += weight; }));
    lefts.forEach((left, at) => columns[at].forEach((weight, x) => { columnSums[left * scale + x] += weight; }));
    let done = 0;
    for (const [i, top] of tops.entries()) {
      for (const [j, left] of lefts.entries()) {
        const piece = cut(pixels, width, height, top, left, high, wide);
        const made = await run(session, piece, high, wide, about.channels, grey);
        add(total, out, made, top * scale, left * scale, rows[i], columns[j]);
        done += 1;
        postMessage({ done, tiles: tops.length * lefts.length });
      }
    }
    return { ...out, pixels: bytes(total, out, rowSums, columnSums) };
  }

  // The first pixels of tiles along a side.
  function starts(side, tile, stride) {
    const last = Math.max(side - tile, 0);
    const found = [];
    for (let at = 0; at < last; at += stride) found.push(at);
    return [...found, last];
  }

  // 0 near a tile's edges, 1 inside; 1 up to the image's edges.
  function weights(start, length, side, overlap, scale) {
    const third = Math.max(overlap * scale / 3, SMALL);
    const ramp = (distance) => Math.min(Math.max((distance - third) / third, 0), 1);
    return Float32Array.from({ length: length * scale }, (_, index) => {
      const position = index + 0.5;
      const before = start > 0 ? ramp(position) : 1;
      return before * (start + length < side ? ramp(length * scale - position) : 1);
    });
  }

  // Mirrored below and on the right as far as it goes, then the edge repeated.
  function mirrored(index, side) {
    return index < side ? index : Math.max(2 * (side - 1) - index, 0);
  }

  // A tile as floats of [0, 1]: red, green and blue one after another.
  function cut(pixels, width, height, top, left, high, wide) {
    const piece = new Float32Array(3 * high * wide);
    for (let y = 0; y < high; y += 1) {
      const row = mirrored(top + y, height) * width;
      for (let x = 0; x < wide; x += 1) {
        const from = 4 * (row + mirrored(left + x, width));
        for (let c = 0; c < 3; c += 1) piece[(c * high + y) * wide + x] = pixels[from + c] / 255;
      }
    }
    return piece;
  }

  function isGrey(pixels) {
    for (let at = 0; at < pixels.length; at += 4) {
      if (pixels[at] !== pixels[at + 1] || pixels[at] !== pixels[at + 2]) return false;
    }
    return true;
  }

  // A grey network restores each channel apart, and of a grey image one for all.
  async function run(session, piece, high, wide, channels, grey) {
    if (channels === 3) return call(session, piece, [1, 3, high, wide]);
    const parts = [];
    for (let c = 0; c < (grey ? 1 : 3); c += 1) {
      parts.push(await call(session, piece.slice(c * high * wide, (c + 1) * high * wide), [1, 1, high, wide]));
    }
    const made = new Float32Array(3 * parts[0].length);
    for (let c = 0; c < 3; c += 1) made.set(parts[grey ? 0 : c], c * parts[0].length);
    return made;
  }

  async function call(session, piece, shape) {
    const answers = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", piece, shape) });
    return answers[session.outputNames[0]].data;
  }

  function add(total, out, made, top, left, rows, columns) {
    const [high, wide] = [Math.min(rows.length, out.height - top), Math.min(columns.length, out.width - left)];
    for (let c = 0; c < 3; c += 1) {
      for (let y = 0; y < high; y += 1) {
        const from = (c * rows.length + y) * columns.length;
        const to = (c * out.height + top + y) * out.width + left;
        for (let x = 0; x < wide; x += 1) total[to + x] += made[from + x] * rows[y] * columns[x];
      }
    }
  }

  function bytes(total, { width, height }, rowSums, columnSums) {
    const pixels = new Uint8ClampedArray(4 * width * height); // which rounds to the nearest
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const at = y * width + x;
        for (let c = 0; c < 3; c += 1) {
          pixels[4 * at + c] = 255 * total[c * width * height + at] / (rowSums[y] * columnSums[x]);
        }
        pixels[4 * at + 3] = 255;
      }
    }
    return pixels;
  }
}
