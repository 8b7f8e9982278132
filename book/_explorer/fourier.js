// The low part of a picture, as `fhelpers.frequency.split` computes it. Pictures are small, so sums
// of products with tables are fast enough.
(() => {
  "use strict";

  // The frequency at each place of a spectrum that is not centred: 0, 1, …, then the negative ones.
  const frequencies = (n) => Array.from({ length: n }, (_, k) => ((k + (n >> 1)) % n) - (n >> 1));

  // Along one axis: `count` lines of `n` values, `step` apart, lines `stride` apart.
  function along([re, im], n, step, count, stride, sign) {
    const turn = Array.from({ length: n }, (_, k) => (2 * Math.PI * k) / n);
    const cos = Float64Array.from(turn, Math.cos), sin = Float64Array.from(turn, Math.sin);
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

  function fourier(channels, height, width) {
    const size = height * width;
    const rows = frequencies(height), columns = frequencies(width);
    const distance = rows.flatMap((down) => columns.map((right) => Math.hypot(down, right)));
    const transform = (plane, sign) =>
      along(along(plane, width, 1, height, width, sign), height, width, width, 1, sign);

    // One [real, imaginary] pair for each channel.
    const spectrum = (pixels) => Array.from({ length: channels }, (_, c) =>
      transform([pixels.slice(c * size, (c + 1) * size), new Float64Array(size)], -1));

    function low(spectra, radius) {
      const out = new Float32Array(channels * size);
      const inside = (values) => values.map((each, at) => (distance[at] <= radius ? each : 0));
      spectra.forEach(([re, im], c) => {
        const [back] = transform([inside(Float64Array.from(re)), inside(im)], 1);
        back.forEach((each, at) => { out[c * size + at] = each / size; });
      });
      return out;
    }

    // Magnitudes summed over the channels, with the zero frequency in the centre.
    function magnitudes(spectra) {
      const out = new Float64Array(size);
      out.forEach((_, at) => {
        const y = (Math.floor(at / width) + height - (height >> 1)) % height;
        const x = ((at % width) + width - (width >> 1)) % width, from = y * width + x;
        spectra.forEach(([re, im]) => { out[at] += Math.hypot(re[from], im[from]); });
      });
      return out;
    }

    return { spectrum, low, magnitudes };
  }

  globalThis.fhFourier = fourier;
})();
