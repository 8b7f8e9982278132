// The explorer: an image, its low and its high part, and what three networks make of them.
// The parts are computed here. Probabilities of the images that come with the page were computed
// when the book was built; for an image of the reader's own the networks run in the browser.
(() => {
  "use strict";
  const place = document.getElementById("fh-explorer");
  const own = window.fhExplorer;
  if (!place) return;
  if (!own) {
    place.textContent = "The explorer's data is missing: build the book with “make book”.";
    return;
  }
  const base = new URL(".", document.currentScript.src).href;
  const { height, width, channels, radii, classes, rhos, steps } = own;
  const PARTS = ["image", "low", "high"];
  const NAMES = { image: "image", low: "low", high: "high" };
  const state = { image: 0, pixels: null, radius: radii[Math.min(7, radii.length - 1)], rho: rhos[0], mine: false };

  // Data ------------------------------------------------------------------------------------------

  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const images = bytes(own.images);
  const size = channels * height * width;
  const answers = Object.fromEntries(
    Object.entries(own.answers).map(([name, text]) => [name, new Uint16Array(bytes(text).buffer)]),
  );

  function known(name, part) {
    const position = radii.indexOf(state.radius);
    const version = part === "image" ? 0 : 1 + 2 * position + (part === "high" ? 1 : 0);
    const start = (state.image * (1 + 2 * radii.length) + version) * classes.length;
    return Array.from(answers[name].subarray(start, start + classes.length), (each) => each / steps);
  }

  // Fourier transform: small images, so sums of products with tables are fast enough -------------

  const tables = {};
  function table(n) {
    if (!tables[n]) {
      const turn = Array.from({ length: n }, (_, k) => (2 * Math.PI * k) / n);
      tables[n] = { cos: Float64Array.from(turn, Math.cos), sin: Float64Array.from(turn, Math.sin) };
    }
    return tables[n];
  }

  // Along one axis: `count` lines of `n` values, `step` apart, lines `stride` apart.
  function along(re, im, n, step, count, stride, sign) {
    const { cos, sin } = table(n);
    const outRe = new Float64Array(re.length), outIm = new Float64Array(im.length);
    for (let line = 0; line < count; line++) {
      for (let u = 0; u < n; u++) {
        let a = 0, b = 0;
        for (let x = 0; x < n; x++) {
          const at = line * stride + x * step, angle = (u * x) % n;
          const c = cos[angle], s = sign * sin[angle];
          a += re[at] * c - im[at] * s;
          b += re[at] * s + im[at] * c;
        }
        outRe[line * stride + u * step] = a;
        outIm[line * stride + u * step] = b;
      }
    }
    return [outRe, outIm];
  }

  function transform(re, im, sign) {
    const [a, b] = along(re, im, width, 1, height, width, sign);
    return along(a, b, height, width, width, 1, sign);
  }

  const distance = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const down = (y + (height >> 1)) % height - (height >> 1);
      const right = (x + (width >> 1)) % width - (width >> 1);
      distance[y * width + x] = Math.hypot(down, right);
    }
  }

  let spectra = [];
  function analyse() {
    spectra = Array.from({ length: channels }, (_, c) => {
      const plane = Float64Array.from(state.pixels.subarray(c * height * width, (c + 1) * height * width));
      return transform(plane, new Float64Array(height * width), -1);
    });
  }

  function lowPart() {
    const low = new Float32Array(size);
    spectra.forEach(([re, im], c) => {
      const inside = (values) => values.map((value, i) => (distance[i] <= state.radius ? value : 0));
      const [back] = transform(inside(re), inside(im), 1);
      back.forEach((value, i) => { low[c * height * width + i] = value / (height * width); });
    });
    return low;
  }

  // Pictures --------------------------------------------------------------------------------------

  function paint(canvas, values, offset = 0) {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d"), drawn = context.createImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < 3; c++) {
        const value = values[(channels === 3 ? c : 0) * height * width + i] + offset;
        drawn.data[4 * i + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
      drawn.data[4 * i + 3] = 255;
    }
    context.putImageData(drawn, 0, 0);
  }

  const MAGMA = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122],
    [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191]];
  const DECADES = 4;
  const BIN = 8; // pixels of the drawing for each bin of the spectrum

  function paintSpectrum(canvas) {
    canvas.width = width * BIN;
    canvas.height = height * BIN;
    const context = canvas.getContext("2d"), strength = new Float64Array(height * width);
    spectra.forEach(([re, im]) => re.forEach((value, i) => { strength[i] += Math.hypot(value, im[i]); }));
    const largest = Math.max(...strength) || 1;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const share = strength[((y + height - (height >> 1)) % height) * width + (x + width - (width >> 1)) % width];
        const decades = Math.log10(Math.max(share / largest, 1e-12));
        const level = Math.max(0, 1 + decades / DECADES) * (MAGMA.length - 1);
        const below = MAGMA[Math.floor(level)], above = MAGMA[Math.ceil(level)], part = level % 1;
        const mixed = below.map((value, c) => Math.round(value + part * (above[c] - value)));
        context.fillStyle = `rgb(${mixed})`;
        context.fillRect(x * BIN, y * BIN, BIN, BIN);
      }
    }
    const centre = [((width >> 1) + 0.5) * BIN, ((height >> 1) + 0.5) * BIN];
    [["#000000", 4], ["#fefefe", 2]].forEach(([colour, line]) => {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.beginPath();
      context.arc(...centre, state.radius * BIN, 0, 2 * Math.PI);
      context.stroke();
    });
  }

  // The page --------------------------------------------------------------------------------------

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  }

  const radios = own.labels.map((label, i) => {
    const name = `image ${i + 1}: ${classes[label]}`;
    const input = make("input", { type: "radio", name: "fh-image", value: i, "aria-label": name });
    const canvas = make("canvas", { "aria-hidden": "true", title: name });
    paint(canvas, Float32Array.from(images.subarray(i * size, (i + 1) * size), (value) => value / 255));
    input.addEventListener("change", () => pick(i));
    return make("label", {}, input, canvas);
  });

  const slider = make("input", { type: "range", id: "fh-radius", min: 0, max: radii.length - 1, step: 1 });
  const shownRadius = make("output", { for: "fh-radius" });
  slider.addEventListener("input", () => setRadius(radii[Number(slider.value)]));

  const chosenRho = make("select", { id: "fh-rho" }, ...rhos.map((rho) => make("option", { value: rho }, `${rho}`)));
  chosenRho.addEventListener("change", () => { state.rho = Number(chosenRho.value); answer(); });

  const views = Object.fromEntries(
    [...PARTS, "spectrum"].map((name) => [name, make("canvas", { role: "img" })]),
  );
  const words = { image: "image", low: "low part", high: "high part (grey added)", spectrum: "spectrum and disc" };
  const boards = ["natural", "adversarial", "smoothed"].map((name) => {
    const cells = classes.map((each) => ({
      head: make("th", { scope: "row" }, each),
      ...Object.fromEntries(PARTS.map((part) => [part, make("td", { class: `fh-p-${part}` })])),
    }));
    const caption = make("caption");
    const top = make("tr", {}, make("th", { scope: "col" }, "class"),
      ...PARTS.map((part) => make("th", { scope: "col", class: `fh-p-${part}` }, NAMES[part])));
    const rows = cells.map((row) => make("tr", {}, row.head, ...PARTS.map((part) => row[part])));
    const body = make("table", { "data-network": name }, caption, make("thead", {}, top), make("tbody", {}, ...rows));
    return { name, caption, cells, body };
  });
  const said = make("p", { role: "status", class: "fh-said" });
  const file = make("input", { type: "file", id: "fh-file", accept: "image/*" });
  const report = make("p", { role: "status", class: "fh-own-state" });
  const zone = make("div", { class: "fh-drop" },
    make("label", { for: "fh-file" }, "Choose an image, or drop one here: "), file);
  const mode = make("details", { class: "fh-own" },
    make("summary", {}, "An image of your own"), zone, report);

  place.replaceChildren(
    make("fieldset", { class: "fh-images" }, make("legend", {}, "Image"), ...radios),
    mode,
    make("div", { class: "fh-controls" },
      make("label", { for: "fh-radius" }, "Radius r"), slider, shownRadius,
      make("label", { for: "fh-rho" }, "Smoothing ρ"), chosenRho),
    make("div", { class: "fh-views" }, ...Object.entries(views).map(([name, canvas]) =>
      make("figure", { class: `fh-view fh-view-${name}` }, canvas, make("figcaption", {}, words[name])))),
    make("div", { class: "fh-networks" }, ...boards.map((board) => board.body)),
    said,
  );
  place.classList.add("fh-ready");

  function pick(i) {
    state.image = i;
    state.mine = false;
    state.pixels = Float32Array.from(images.subarray(i * size, (i + 1) * size), (value) => value / 255);
    radios[i].firstChild.checked = true;
    look();
  }

  function setRadius(radius) {
    state.radius = radius;
    look(false);
  }

  let parts = {};
  function look(fresh = true) {
    if (fresh) analyse();
    const low = lowPart();
    parts = { image: state.pixels, low, high: state.pixels.map((value, i) => value - low[i]) };
    slider.value = radii.indexOf(state.radius);
    slider.setAttribute("aria-valuetext", `radius ${state.radius}`);
    shownRadius.textContent = `${state.radius}`;
    paint(views.image, parts.image);
    paint(views.low, parts.low);
    paint(views.high, parts.high, 0.5);
    paintSpectrum(views.spectrum);
    const what = state.mine ? "your image" : `image ${state.image + 1}, ${classes[own.labels[state.image]]}`;
    views.image.setAttribute("aria-label", what);
    views.low.setAttribute("aria-label", `low part of ${what}, radius ${state.radius}`);
    views.high.setAttribute("aria-label", `high part of ${what}, radius ${state.radius}`);
    views.spectrum.setAttribute("aria-label", `spectrum of ${what} with a disc of radius ${state.radius}`);
    answer();
  }

  const modelOf = (name) => (name === "smoothed" ? `natural-${state.rho}` : name);
  const titleOf = (name) =>
    ({ natural: "M_natural", adversarial: "M_adversarial", smoothed: `M_natural(ρ = ${state.rho})` })[name];

  function answer() {
    if (state.mine) { runSoon(); return; }
    show((name, part) => known(modelOf(name), part));
  }

  function show(probabilities) {
    const sentences = boards.map((board) => {
      board.caption.textContent = titleOf(board.name);
      const best = PARTS.map((part) => {
        const values = probabilities(board.name, part);
        const top = values.indexOf(Math.max(...values));
        values.forEach((value, i) => {
          const cell = board.cells[i][part];
          cell.textContent = value.toFixed(3);
          cell.style.setProperty("--p", value);
          cell.classList.toggle("fh-top", i === top);
        });
        return `${NAMES[part]} ${classes[top]} (${values[top].toFixed(2)})`;
      });
      board.cells.forEach((row, i) => {
        const right = !state.mine && own.labels[state.image] === i;
        row.head.textContent = right ? `✓ ${classes[i]}` : classes[i];
        row.head.classList.toggle("fh-true", right);
      });
      return `${titleOf(board.name)}: ${best.join(", ")}.`;
    });
    said.textContent = `Radius ${state.radius}. ${sentences.join(" ")}`;
    place.dataset.shown = `${state.mine ? "own" : state.image}/${state.radius}/${state.rho}`;
  }

  // Dragging the disc: by mouse, pen or finger. The slider does the same by keyboard.
  const spectrum = views.spectrum;
  function drag(event) {
    const box = spectrum.getBoundingClientRect();
    const right = ((event.clientX - box.left) / box.width) * width - ((width >> 1) + 0.5);
    const down = ((event.clientY - box.top) / box.height) * height - ((height >> 1) + 0.5);
    const wanted = Math.hypot(right, down);
    const nearest = radii.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));
    if (nearest !== state.radius) setRadius(nearest);
  }
  spectrum.addEventListener("pointerdown", (event) => { spectrum.setPointerCapture(event.pointerId); drag(event); });
  spectrum.addEventListener("pointermove", (event) => { if (spectrum.hasPointerCapture(event.pointerId)) drag(event); });

  // An image of the reader's own ------------------------------------------------------------------

  let engine = null;
  const sessions = {};

  function start() {
    if (own.missing) {
      return Promise.reject(Error(`This copy of the book cannot run networks (${own.missing}).`));
    }
    if (location.protocol === "file:") {
      const way = "run “make serve” and open the address that it prints.";
      return Promise.reject(Error(`A page opened from a file may not run networks: ${way}`));
    }
    return new Promise((done, fail) => {
      const script = make("script", { src: `${base}ort.wasm.min.js` });
      script.onload = () => {
        window.ort.env.wasm.wasmPaths = base;
        window.ort.env.wasm.numThreads = 1;
        done(window.ort);
      };
      script.onerror = () => fail(Error("The file that runs networks could not be loaded."));
      document.head.append(script);
    });
  }

  function ready() {
    if (!engine) {
      report.textContent = "Loading what runs the networks (14 MB, from this book) …";
      engine = start();
      engine.then(
        () => { report.textContent = `Ready. Images are cut square and made ${width} × ${height} pixels; they do not leave this page.`; },
        (error) => { report.textContent = error.message; file.disabled = true; },
      );
    }
    return engine;
  }
  mode.addEventListener("toggle", () => { if (mode.open) ready().catch(() => {}); });

  async function network(name) {
    const ort = await ready();
    sessions[name] ??= ort.InferenceSession.create(`${base}${name}.onnx`, { executionProviders: ["wasm"] });
    return sessions[name];
  }

  // One pass at a time; while it runs, only the latest wish is kept.
  let running = false, again = false;
  async function runSoon() {
    if (running) { again = true; return; }
    running = true;
    do {
      again = false;
      try {
        const found = await run();
        if (state.mine && !again) show((name, part) => found[name][part]);
      } catch (error) {
        report.textContent = `The networks could not be run: ${error.message}`;
      }
    } while (again && state.mine);
    running = false;
  }

  async function run() {
    const batch = new Float32Array(3 * size), found = {};
    PARTS.forEach((part, i) => batch.set(parts[part], i * size));
    for (const { name } of boards) {
      const session = await network(modelOf(name));
      const pixels = new window.ort.Tensor("float32", batch, [3, channels, height, width]);
      const { probabilities } = await session.run({ pixels });
      found[name] = Object.fromEntries(PARTS.map((part, i) =>
        [part, Array.from(probabilities.data.slice(i * classes.length, (i + 1) * classes.length))]));
    }
    return found;
  }

  async function open(picture) {
    if (!picture) return;
    try {
      await ready();
      const bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none" });
      const side = Math.min(bitmap.width, bitmap.height);
      const canvas = make("canvas", { width, height });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, width, height);
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      state.pixels = new Float32Array(size);
      for (let i = 0; i < height * width; i++) {
        const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
        const grey = 0.299 * red + 0.587 * green + 0.114 * blue;
        const values = channels === 3 ? [red, green, blue] : [grey];
        values.forEach((value, c) => { state.pixels[c * height * width + i] = value / 255; });
      }
    } catch (error) {
      if (!file.disabled) report.textContent = `This file cannot be read as an image (${error.message}).`;
      return;
    }
    state.mine = true;
    radios.forEach((label) => { label.firstChild.checked = false; });
    report.textContent = `Showing ${picture.name || "your image"}.`;
    look();
  }
  file.addEventListener("change", () => open(file.files[0]));
  ["dragenter", "dragover"].forEach((type) => zone.addEventListener(type, (event) => event.preventDefault()));
  zone.addEventListener("drop", (event) => { event.preventDefault(); ready().catch(() => {}); open(event.dataTransfer.files[0]); });

  pick(0);
})();
