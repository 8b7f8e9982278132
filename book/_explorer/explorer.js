// The explorer: the low part of one picture, the high part of the same or of another, their sum,
// and what two networks see in each. Everything is computed here; nothing leaves the page.
(() => {
  "use strict";
  const place = document.getElementById("fh-explorer");
  const own = window.fhExplorer;
  if (!place) return;
  if (!own) {
    place.textContent = "The explorer's data is missing: build the book with “make book”.";
    return;
  }
  const { classes, channels, height, width, radii } = own;
  const size = channels * height * width;
  const NAMES = { natural: "M_natural", adversarial: "M_adversarial" };
  const MODES = { split: "Split one", mix: "Mix two", guess: "Guess first" };
  const PARTS = ["low", "high", "sum"];
  const EYES = own.seen; // from this radius on, people go by the low part of a mix
  const fourier = window.fhFourier(channels, height, width);
  const networks = Object.fromEntries(Object.entries(own.networks).map(([name, each]) =>
    [name, window.fhNetwork.network(each, [channels, height, width])]));

  // What is shown ---------------------------------------------------------------------------------

  const images = window.fhNetwork.bytes(own.images);
  const pictures = own.labels.map((label, i) => ({
    label,
    name: classes[label],
    pixels: Float32Array.from(images.subarray(i * size, (i + 1) * size), (each) => each / 255),
  }));
  // low, high: the pictures that the parts come from; part and guessed: of a guess.
  const state = { mode: "split", low: 0, high: 0, r: own.radius, part: "high", guessed: null };
  const score = { rounds: 0, you: 0, natural: 0, adversarial: 0 };

  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    const take = (name, allowed) => {
      const wanted = allowed.find((each) => `${each}` === given.get(name));
      if (wanted !== undefined) state[name] = wanted;
    };
    const places = [...pictures.keys()];
    take("mode", Object.keys(MODES));
    take("low", places);
    take("high", places);
    take("r", radii);
    take("part", ["low", "high"]);
    if (state.mode !== "mix") state.high = state.low;
    state.guessed = null;
  }

  let waiting = 0;
  function writeAddress() {
    const { mode, low, high, r, part } = state;
    const told = { mode, low, ...(mode === "mix" && { high }), r, ...(mode === "guess" && { part }) };
    clearTimeout(waiting); // browsers allow few changes a second
    waiting = setTimeout(() => history.replaceState(null, "", `#${new URLSearchParams(told)}`), 150);
  }

  function change(changes) {
    Object.assign(state, changes);
    if (state.mode !== "mix") state.high = state.low;
    writeAddress();
    refresh();
  }

  // Parts and answers, kept once computed -----------------------------------------------------------

  function lowPart(picture, r) {
    picture.spectrum ??= fourier.spectrum(picture.pixels);
    picture.lows ??= {};
    return (picture.lows[r] ??= fourier.low(picture.spectrum, r));
  }

  function pixelsOf(part, r) {
    const [a, b] = [pictures[state.low], pictures[state.high]];
    if (part === "low") return lowPart(a, r);
    if (part === "sum" && a === b) return a.pixels;
    const low = lowPart(b, r), high = b.pixels.map((each, at) => each - low[at]);
    if (part === "high") return high;
    const base = lowPart(a, r);
    return high.map((each, at) => each + base[at]);
  }

  const answers = new Map();
  function keyOf(name, part, r) {
    const { low, high } = state;
    if (part === "sum") return low === high ? `${name} ${low}` : `${name} ${low} ${high} ${r}`;
    return `${name} ${part} ${state[part]} ${r}`;
  }
  const known = (name, part, r) => answers.get(keyOf(name, part, r));
  function ask(name, part, r) {
    const key = keyOf(name, part, r);
    if (!answers.has(key)) answers.set(key, networks[name](pixelsOf(part, r)));
    return answers.get(key);
  }
  const topOf = (values) => values.indexOf(Math.max(...values));
  // "a frog", "an airplane", "class 3".
  const named = (name) => (/\d|your/.test(name) ? name : `${/^[aeiou]/i.test(name) ? "an" : "a"} ${name}`);
  const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}\u00a0%`;

  // The class that a curve follows: what the picture shows, or what M_natural sees in a reader's own.
  function classOf(which) {
    const picture = pictures[state[which]];
    return (picture.class ??= picture.label ?? topOf(networks.natural(picture.pixels)));
  }

  // Each curve as [part asked about, class followed], the one of the low part first.
  const curves = () => (state.mode === "mix"
    ? { low: ["sum", classOf("low")], high: ["sum", classOf("high")] }
    : { low: ["low", classOf("low")], high: ["high", classOf("low")] });

  // The smallest radius from which on the answer is the class of the low curve.
  function flip(name) {
    const [part, wanted] = curves().low;
    const wrong = radii.findLastIndex((r) => topOf(known(name, part, r)) !== wanted);
    return wrong + 1 < radii.length ? radii[wrong + 1] : null;
  }

  // Drawing -----------------------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";
  function make(tag, attributes = {}, ...children) {
    const drawn = ["svg", "path", "line", "circle", "rect", "text", "title"].includes(tag);
    const element = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  }

  function paint(canvas, values, offset = 0) {
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d"), drawn = context.createImageData(width, height);
    for (let at = 0; at < height * width; at++) {
      for (let c = 0; c < 3; c++) {
        const value = values[(channels === 3 ? c : 0) * height * width + at] + offset;
        drawn.data[4 * at + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
      drawn.data[4 * at + 3] = 255;
    }
    context.putImageData(drawn, 0, 0);
  }

  const MAGMA = [[0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122],
    [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191]];
  const DECADES = 4, BIN = 8; // of strength, and pixels of the drawing for each frequency

  function paintSpectrum(canvas) {
    Object.assign(canvas, { width: width * BIN, height: height * BIN });
    const context = canvas.getContext("2d");
    const strength = fourier.magnitudes(fourier.spectrum(pixelsOf("sum", state.r)));
    const largest = Math.max(...strength) || 1;
    strength.forEach((each, at) => {
      const decades = Math.log10(Math.max(each / largest, 1e-12));
      const level = Math.max(0, 1 + decades / DECADES) * (MAGMA.length - 1);
      const below = MAGMA[Math.floor(level)], above = MAGMA[Math.ceil(level)];
      const mixed = below.map((value, c) => Math.round(value + (level % 1) * (above[c] - value)));
      context.fillStyle = `rgb(${mixed})`;
      context.fillRect((at % width) * BIN, Math.floor(at / width) * BIN, BIN, BIN);
    });
    [["#000000", 5], ["#fefefe", 2.5]].forEach(([colour, line]) => {
      Object.assign(context, { strokeStyle: colour, lineWidth: line });
      context.beginPath();
      const centre = [((width >> 1) + 0.5) * BIN, ((height >> 1) + 0.5) * BIN];
      context.arc(...centre, state.r * BIN, 0, 2 * Math.PI);
      context.stroke();
    });
  }

  const LEFT = 46, RIGHT = 346, TOP = 18, FLOOR = 96;
  const across = (r) => LEFT + ((r - radii[0]) / (radii.at(-1) - radii[0])) * (RIGHT - LEFT);
  const up = (share) => FLOOR - share * (FLOOR - TOP);

  function drawCurves({ name, svg, words }) {
    const list = radii.filter((r) => Object.values(curves()).every(([part]) => known(name, part, r)));
    const lines = [0, 0.5, 1].flatMap((share) => [
      make("line", { class: "fh-grid", x1: LEFT, x2: RIGHT, y1: up(share), y2: up(share) }),
      make("text", { x: LEFT - 5, y: up(share) + 4, "text-anchor": "end" }, percent(share)),
    ]);
    const ticks = radii.filter((r) => r % 4 === 0 && across(r) < RIGHT - 60).map((r) =>
      make("text", { x: across(r), y: FLOOR + 15, "text-anchor": "middle" }, `${r}`));
    const now = make("line", { class: "fh-now", x1: across(state.r), x2: across(state.r), y1: TOP, y2: FLOOR });
    const paths = Object.entries(curves()).map(([which, [part, label]]) => {
      const points = list.map((r) => `${across(r).toFixed(1)},${up(known(name, part, r)[label]).toFixed(1)}`);
      return make("path", { class: `fh-line-${which}`, d: points.length ? `M${points.join("L")}` : "" });
    });
    const dots = Object.entries(curves()).filter(() => list.includes(state.r)).map(([which, [part, label]]) => {
      const [x, y] = [across(state.r), up(known(name, part, state.r)[label])];
      return which === "low" ? make("circle", { class: "fh-dot-low", cx: x, cy: y, r: 4.5 })
        : make("rect", { class: "fh-dot-high", x: x - 4, y: y - 4, width: 8, height: 8 });
    });
    const marks = [], whole = list.length === radii.length, from = whole ? flip(name) : null;
    const seen = named(classes[curves().low[1]]);
    let said = whole ? `never settles on ${seen}` : "…";
    if (from !== null) {
      const end = across(from) > (LEFT + RIGHT) / 2;
      said = from === radii[0] ? `sees ${seen} at every radius` : `sees ${seen} from r = ${from} on`;
      marks.push(make("line", { class: "fh-flip", x1: across(from), x2: across(from), y1: TOP - 4, y2: FLOOR }),
        make("text", { class: "fh-flip-text", x: across(from), y: TOP - 7, "text-anchor": end ? "end" : "start" },
          `flips at r = ${from}`));
      if (from === radii[0]) marks.length = 0;
    }
    words.replaceChildren(make("b", {}, NAMES[name]), ` ${said}`);
    const table = list.map((r) => `r = ${r}: ` + Object.values(curves())
      .map(([part, label]) => percent(known(name, part, r)[label])).join(", "));
    svg.replaceChildren(make("title", {}, `${NAMES[name]} ${said}. ${table.join("; ")}`),
      ...lines, ...ticks, make("text", { x: RIGHT, y: FLOOR + 15, "text-anchor": "end" }, "radius r"),
      now, ...marks, ...paths, ...dots);
  }

  // The page ----------------------------------------------------------------------------------------

  function choice(group, value, text, act, ...inside) {
    const input = make("input", { type: "radio", name: group, value, "aria-label": text });
    input.addEventListener("change", act);
    return make("label", { title: text }, input, ...inside);
  }

  const modes = Object.entries(MODES).map(([mode, text]) =>
    choice("fh-mode", mode, text, () => enter(mode), make("span", {}, text)));
  const headline = make("p", { role: "status", class: "fh-said" });
  const views = Object.fromEntries(PARTS.map((part) => {
    const canvas = make("canvas", { role: "img" }), words = make("span"), more = make("span");
    return [part, { canvas, words, more, head: make("th", { scope: "col", class: `fh-view-${part}` }, canvas, words, more) }];
  }));
  const boards = Object.keys(NAMES).map((name) => {
    const cells = Object.fromEntries(PARTS.map((part) => [part, make("td")]));
    const title = make("tr", {}, make("th", { scope: "rowgroup", colspan: 3 }, `${NAMES[name]} sees`));
    const body = make("tbody", { "data-network": name }, title, make("tr", {}, ...Object.values(cells)));
    const svg = make("svg", { viewBox: "0 0 352 116", role: "img" }), words = make("figcaption");
    return { name, cells, body, svg, words, figure: make("figure", { "data-network": name }, words, svg) };
  });
  const legend = make("p", { class: "fh-legend" });
  const note = make("p", { class: "fh-note" });
  const slider = make("input", { type: "range", id: "fh-radius", min: 0, max: radii.length - 1, step: 1 });
  slider.addEventListener("input", () => change({ r: radii[Number(slider.value)] }));
  const shownRadius = make("output", { for: "fh-radius" });
  const spectrum = make("canvas", { class: "fh-spectrum", role: "img" });

  const strips = ["low", "high"].map((which) => {
    const title = make("legend"), row = make("div", { class: "fh-images" });
    return { which, title, tiles: [], row, set: make("fieldset", {}, title, row) };
  });
  function addTiles(i) {
    strips.forEach(({ which, tiles, row }) => {
      const canvas = make("canvas", { "aria-hidden": "true" });
      paint(canvas, pictures[i].pixels);
      const tile = choice(`fh-${which}`, i, `picture ${i + 1}: ${pictures[i].name}`,
        () => change({ [which]: i, guessed: null }), canvas);
      tiles.push(tile);
      row.append(tile);
    });
  }
  pictures.forEach((_, i) => addTiles(i));

  const file = make("input", { type: "file", id: "fh-file", accept: "image/*" });
  file.addEventListener("change", () => {
    open(file.files[0]);
    file.value = ""; // so that the same file can be chosen again
  });
  const report = make("p", { role: "status", class: "fh-own-state" });
  const upload = make("span", { class: "fh-own" }, file,
    make("label", { for: "fh-file", class: "fh-button" }, "Your own image …"));
  const another = make("button", { type: "button" });
  another.addEventListener("click", surprise);
  const saving = make("button", { type: "button" }, "Save the picture");
  saving.addEventListener("click", save);
  const quizCanvas = make("canvas", { role: "img" }), quizWords = make("figcaption");
  const quiz = make("div", { class: "fh-quiz" }, make("figure", {}, quizCanvas, quizWords),
    make("div", { role: "group", "aria-label": "Your guess" }, ...classes.map((text, i) => {
      const button = make("button", { type: "button" }, text);
      button.addEventListener("click", () => guess(i));
      return button;
    })));

  place.replaceChildren(
    make("fieldset", { class: "fh-modes" }, make("legend", {}, "What to do"), ...modes),
    ...strips.map((strip) => strip.set), headline, quiz,
    make("div", { class: "fh-stage" },
      make("div", {},
        make("table", {}, make("thead", {}, make("tr", {}, ...PARTS.map((part) => views[part].head))),
          ...boards.map((board) => board.body)),
        make("div", { class: "fh-controls" }, spectrum,
          make("div", {}, make("label", { for: "fh-radius" }, "Radius r = "), shownRadius, slider,
            make("div", { class: "fh-ends" }, make("span", {}, "← more in the high part"),
              make("span", {}, "more in the low part →"))))),
      make("div", { class: "fh-curves" }, legend, ...boards.map((board) => board.figure))),
    note,
    make("div", { class: "fh-actions" }, another, upload, saving),
    report,
  );
  place.classList.add("fh-ready");

  // What changes ------------------------------------------------------------------------------------

  const marked = (which, text) => make("strong", { class: `fh-of-${which}` }, named(text));
  const other = (taken) => (taken === own.mix[1] ? own.mix[0] : own.mix[1]);

  function enter(mode) {
    if (mode === "guess") { draw(); return; }
    if (mode === "mix" && state.low === 0) {
      const [low, high, r] = own.mix;
      change({ mode, low, high, r, guessed: null });
    } else change({ mode, high: other(state.low), guessed: null });
  }

  const any = (list) => list[Math.floor(Math.random() * list.length)];
  function surprise() {
    if (state.mode === "guess") { draw(); return; }
    const low = any([...pictures.keys()].filter((i) => i !== state.low));
    change({ low, high: any([...pictures.keys()].filter((i) => pictures[i].label !== pictures[low].label)) });
  }

  // A picture to guess: one of its parts, cut where it is neither plain nor hopeless.
  function draw() {
    const cuts = radii.filter((r) => r >= (3 * width) / 32 && r <= (8 * width) / 32);
    const low = any([...own.labels.keys()].filter((i) => i !== state.low));
    change({ mode: "guess", low, part: any(["low", "high"]), r: any(cuts), guessed: null });
  }

  function guess(label) {
    const wanted = pictures[state.low].label;
    score.rounds += 1;
    score.you += label === wanted;
    Object.keys(NAMES).forEach((name) => { score[name] += topOf(ask(name, state.part, state.r)) === wanted; });
    state.guessed = { label, part: state.part, r: state.r };
    refresh();
    another.focus();
  }

  function refresh() {
    const { mode, r } = state, hidden = mode === "guess" && !state.guessed;
    place.dataset.mode = hidden ? "guess" : mode === "mix" ? "mix" : "split";
    modes.forEach((each) => { each.firstChild.checked = each.firstChild.value === mode; });
    strips.forEach(({ which, title, tiles, row, set }) => {
      title.textContent = mode === "mix" ? `The ${which} part of`
        : "Choose an image, or drop one of your own anywhere on this page";
      set.hidden = mode === "guess" || (which === "high" && mode !== "mix");
      tiles.forEach((tile, i) => { tile.firstChild.checked = i === state[which]; });
      if (set.dataset.chosen !== `${state[which]}`) { // where the row scrolls, show the choice
        row.scrollLeft = tiles[state[which]].offsetLeft - row.clientWidth / 2;
        set.dataset.chosen = state[which];
      }
    });
    upload.hidden = mode === "guess";
    another.textContent = mode === "guess" ? "Next picture" : "Surprise me";
    saving.hidden = hidden;
    slider.value = radii.indexOf(r);
    slider.setAttribute("aria-valuetext", `radius ${r}`);
    shownRadius.textContent = `${r}`;
    if (hidden) {
      quizWords.textContent = `${state.part === "low" ? "Low part" : "High part, grey added"}, r\u00a0=\u00a0${r}`;
      quizCanvas.setAttribute("aria-label", quizWords.textContent);
      paint(quizCanvas, pixelsOf(state.part, r), state.part === "high" ? 0.5 : 0);
      headline.replaceChildren("What is this?");
      place.dataset.shown = addressed();
      turn += 1;
      return;
    }
    const words = { low: "low part", high: "high part", sum: mode === "mix" ? "their sum" : "image" };
    PARTS.forEach((part) => {
      const of = part === "sum" ? "" : `of ${named(pictures[state[part]].name)}`;
      paint(views[part].canvas, pixelsOf(part, r), part === "high" ? 0.5 : 0);
      views[part].canvas.setAttribute("aria-label", `${words[part]} ${of}, radius ${r}`);
      views[part].words.textContent = words[part];
      views[part].more.textContent = of;
    });
    paintSpectrum(spectrum);
    spectrum.setAttribute("aria-label", `spectrum with a disc of radius ${r}`);
    const titles = mode === "mix"
      ? ["low", "high"].map((which) => `${named(classes[classOf(which)])} (the ${which} part)`)
      : ["low part", "high part"];
    const about = mode === "mix" ? "Confidence that the sum is "
      : `Confidence in ${named(classes[classOf("low")])}, given the `;
    legend.replaceChildren(about, make("span", { class: "fh-key-low" }, titles[0]), " or ",
      make("span", { class: "fh-key-high" }, titles[1]));
    answer();
  }

  const addressed = () => [state.mode, state.low, state.high, state.r].join("/");
  const pause = () => new Promise((done) => { setTimeout(done); });

  // The table first, then the curves, a step at a time so that the page stays responsive; a new
  // wish ends the work for the old one.
  let turn = 0;
  async function answer() {
    const mine = ++turn;
    const steps = PARTS.map((part) => [part, state.r]);
    radii.forEach((r) => Object.values(curves()).forEach(([part]) => steps.push([part, r])));
    boards.forEach(drawCurves);
    for (const [at, [part, r]] of steps.entries()) {
      const missing = Object.keys(NAMES).filter((name) => !known(name, part, r));
      if (missing.length) await pause();
      if (mine !== turn) return;
      missing.forEach((name) => ask(name, part, r));
      if (at === PARTS.length - 1) tell();
      if (missing.length && at >= PARTS.length) boards.forEach(drawCurves);
    }
    boards.forEach(drawCurves);
    place.dataset.shown = addressed();
  }

  function tell() {
    const { mode, r } = state, says = {};
    for (const { name, cells } of boards) {
      says[name] = {};
      for (const part of PARTS) {
        const values = ask(name, part, r), top = topOf(values);
        const whose = part === "high" ? "high" : "low";
        const right = pictures[state[whose]].label === top;
        const kind = mode !== "mix" ? right ? "right" : "wrong"
          : top === classOf("low") ? "low" : top === classOf("high") ? "high" : "wrong";
        const sign = mode !== "mix" && pictures[state.low].label !== null ? (right ? "✓ " : "✗ ") : "";
        says[name][part] = [classes[top], values[top], kind];
        cells[part].className = `fh-${kind}`;
        cells[part].style.setProperty("--p", values[top]);
        cells[part].replaceChildren(make("span", { class: "fh-answer" }, sign + classes[top]), " ",
          make("span", { class: "fh-number" }, percent(values[top], 1)));
      }
    }
    const seen = (name, part) => marked(says[name][part][2], says[name][part][0]);
    const sure = (name) => ` (${percent(says[name].sum[1])})`;
    note.textContent = "";
    if (state.guessed) {
      const asked = state.guessed.part;
      const count = (who) => `${score[who]}`;
      headline.replaceChildren("It is ", marked("right", pictures[state.low].name), ". From its ",
        `${asked} part you saw `, marked("wrong", classes[state.guessed.label]), ", M_natural ",
        seen("natural", asked), ", M_adversarial ", seen("adversarial", asked), ".");
      note.textContent = `Right so far, of ${score.rounds}: you ${count("you")}, ` +
        `M_natural ${count("natural")}, M_adversarial ${count("adversarial")}.`;
    } else if (mode === "mix") {
      const [low, high] = ["low", "high"].map((which) => marked(which, pictures[state[which]].name));
      const you = r >= EYES ? ["You see ", low] : ["You may see ", low, " or ", high];
      headline.replaceChildren(...you, ". M_natural sees ",
        seen("natural", "sum"), sure("natural"), ". M_adversarial sees ", seen("adversarial", "sum"),
        sure("adversarial"), ".");
      const share = (name, which) => percent(own.shares[name][radii.indexOf(r)][which]);
      note.textContent = "Of all mixes of two of these pictures at this radius, M_natural names the " +
        `low part's class in ${share("natural", 0)} and the high part's in ${share("natural", 1)}, ` +
        `M_adversarial in ${share("adversarial", 0)} and ${share("adversarial", 1)}.`;
    } else {
      headline.replaceChildren("You see ", marked("right", pictures[state.low].name),
        ". From the low part alone M_natural sees ", seen("natural", "low"),
        ", from the high part alone ", seen("natural", "high"), ".");
    }
  }

  // The disc and the curves can be dragged, by mouse, pen or finger; the slider does the same by
  // keyboard.
  function draggable(element, wantedAt) {
    const drag = (event) => {
      const box = element.getBoundingClientRect();
      const wanted = wantedAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
      const r = radii.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));
      if (r !== state.r) change({ r });
    };
    element.addEventListener("pointerdown", (event) => { element.setPointerCapture(event.pointerId); drag(event); });
    element.addEventListener("pointermove", (event) => { if (element.hasPointerCapture(event.pointerId)) drag(event); });
  }
  draggable(spectrum, (x, y) => Math.hypot(x * width - (width >> 1) - 0.5, y * height - (height >> 1) - 0.5));
  boards.forEach(({ svg }) => draggable(svg, (x) =>
    radii[0] + ((x * 352 - LEFT) / (RIGHT - LEFT)) * (radii.at(-1) - radii[0])));

  // An image of the reader's own --------------------------------------------------------------------

  async function open(picture) {
    if (!picture) return;
    try {
      const bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none" });
      const side = Math.min(bitmap.width, bitmap.height), canvas = make("canvas", { width, height });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      Object.assign(context, { fillStyle: "#ffffff", imageSmoothingQuality: "high" });
      context.fillRect(0, 0, width, height);
      const corner = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
      context.drawImage(bitmap, ...corner, side, side, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height), pixels = new Float32Array(size);
      for (let at = 0; at < height * width; at++) {
        const [red, green, blue] = data.subarray(4 * at, 4 * at + 3);
        const values = channels === 3 ? [red, green, blue] : [0.299 * red + 0.587 * green + 0.114 * blue];
        values.forEach((value, c) => { pixels[c * height * width + at] = value / 255; });
      }
      pictures.push({ pixels, label: null, name: "your image" });
    } catch {
      report.textContent = `${picture.name || "This"} cannot be read as an image.`;
      return;
    }
    const mine = pictures.length - 1;
    addTiles(mine);
    report.textContent = `${picture.name || "Your image"} was cut square and made ${width} × ${height} ` +
      "pixels. It does not leave this page.";
    change({ mode: state.mode === "mix" ? "mix" : "split", low: mine, guessed: null });
  }
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  ["dragenter", "dragover", "dragleave", "drop"].forEach((type) => document.addEventListener(type, (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    document.documentElement.classList.toggle("fh-dropping", type === "dragenter" || type === "dragover");
    if (type === "drop") open(event.dataTransfer.files[0]);
  }));

  // The picture to share ----------------------------------------------------------------------------

  function save() {
    const canvas = make("canvas", { width: 1200, height: 640 }), context = canvas.getContext("2d");
    const style = getComputedStyle(place), family = style.fontFamily;
    const write = (text, x, y, font, size, width) => {
      const shrunk = (px) => `${font} ${px}px ${family}`;
      context.font = shrunk(size);
      context.font = shrunk(size * Math.min(1, width / context.measureText(text).width));
      context.fillText(text, x, y);
    };
    context.fillStyle = getComputedStyle(document.body).backgroundColor;
    context.fillRect(0, 0, 1200, 640);
    Object.assign(context, { fillStyle: style.color, imageSmoothingEnabled: false });
    write(headline.textContent, 60, 78, 600, 34, 1080);
    PARTS.forEach((part, i) => {
      const x = 60 + 380 * i, { canvas: picture, words, more } = views[part];
      context.drawImage(picture, x, 120, 320, 320);
      if (i) write(i === 1 ? "+" : "=", x - 42, 290, 600, 40, 60);
      write(`${words.textContent} ${more.textContent}`, x, 476, 600, 24, 320);
      boards.forEach(({ name, cells }, row) =>
        write(`${NAMES[name]}: ${cells[part].textContent}`, x, 514 + 34 * row, 400, 24, 320));
    });
    write(`Radius r = ${state.r}. ${document.title}`, 60, 612, 400, 20, 1080);
    const link = make("a", { download: `${addressed().replaceAll("/", "-")}.png` });
    link.href = canvas.toDataURL("image/png");
    link.click();
  }

  addEventListener("hashchange", () => { readAddress(); refresh(); });
  readAddress();
  refresh();
})();
