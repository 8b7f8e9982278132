// Small convolutional networks, run here: what PyTorch computes, step by step, for one image.
// A value is {shape: [channels, height, width] or [features], data: Float32Array}.
(() => {
  "use strict";

  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const value = (shape) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
  const mapped = (x, change) => ({ shape: x.shape, data: x.data.map(change) });

  function padded(x, [left, right, top, bottom, front = 0, back = 0]) {
    const [channels, height, width] = x.shape;
    const out = value([front + channels + back, top + height + bottom, left + width + right]);
    const [, tall, wide] = out.shape;
    for (let line = 0; line < channels * height; line++) {
      const c = Math.floor(line / height) + front, y = (line % height) + top;
      out.data.set(x.data.subarray(line * width, (line + 1) * width), (c * tall + y) * wide + left);
    }
    return out;
  }

  // For each place, what the kernels see is laid out in one line; four kernels then share each value
  // that is read, which is three times as fast as one kernel after the other.
  function conv2d(x, weight, bias, [stride] = [1], [margin] = [0]) {
    const source = padded(x, [margin, margin, margin, margin]);
    const [inputs, tall, wide] = source.shape, [outputs, , k] = weight.shape, n = inputs * k * k;
    const height = Math.floor((tall - k) / stride) + 1, width = Math.floor((wide - k) / stride) + 1;
    const size = height * width, rows = 4 * Math.ceil(outputs / 4);
    const kernels = new Float32Array(rows * n), out = new Float32Array(rows * size);
    const pixels = source.data, seen = new Float32Array(n);
    kernels.set(weight.data);
    for (let at = 0; at < size; at++) {
      const corner = Math.floor(at / width) * stride * wide + (at % width) * stride;
      for (let i = 0, j = 0; i < inputs; i++) {
        for (let ky = 0; ky < k; ky++) {
          const from = corner + (i * tall + ky) * wide;
          for (let kx = 0; kx < k; kx++) seen[j++] = pixels[from + kx];
        }
      }
      for (let o = 0; o < rows; o += 4) {
        const [a, b, c, d] = [o * n, (o + 1) * n, (o + 2) * n, (o + 3) * n];
        let sumA = 0, sumB = 0, sumC = 0, sumD = 0;
        for (let j = 0; j < n; j++) {
          const each = seen[j];
          sumA += each * kernels[a + j];
          sumB += each * kernels[b + j];
          sumC += each * kernels[c + j];
          sumD += each * kernels[d + j];
        }
        out[o * size + at] = sumA;
        out[(o + 1) * size + at] = sumB;
        out[(o + 2) * size + at] = sumC;
        out[(o + 3) * size + at] = sumD;
      }
    }
    if (bias) out.forEach((_, at) => { out[at] += bias.data[Math.floor(at / size)]; });
    return { shape: [outputs, height, width], data: out.subarray(0, outputs * size) };
  }

  // With ceil_mode and without padding, windows that reach over the edge count their pixels only.
  function avgPool2d(x, [size], [stride] = [], _padding, ceil = false) {
    const [channels, height, width] = x.shape, step = stride ?? size;
    const count = (n) => Math[ceil ? "ceil" : "floor"]((n - size) / step) + 1;
    const out = value([channels, count(height), count(width)]), [, tall, wide] = out.shape;
    out.data.forEach((_, at) => {
      const left = (at % wide) * step, top = (Math.floor(at / wide) % tall) * step;
      const bottom = Math.min(top + size, height), right = Math.min(left + size, width);
      const plane = Math.floor(at / (wide * tall)) * height;
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        for (let i = left; i < right; i++) sum += x.data[(plane + y) * width + i];
      }
      out.data[at] = sum / ((bottom - top) * (right - left));
    });
    return out;
  }

  function globalMean(x, sides) {
    if (`${sides}` !== "1,1") throw Error(`averages of ${sides} places are not known here`);
    const [channels, height, width] = x.shape, size = height * width;
    const out = value([channels]);
    x.data.forEach((each, at) => { out.data[Math.floor(at / size)] += each / size; });
    return out;
  }

  function linear(x, weight, bias) {
    const [outputs, inputs] = weight.shape, out = value([outputs]);
    for (let o = 0; o < outputs; o++) {
      let sum = bias ? bias.data[o] : 0;
      for (let i = 0; i < inputs; i++) sum += weight.data[o * inputs + i] * x.data[i];
      out.data[o] = sum;
    }
    return out;
  }

  const OPERATIONS = {
    sub: (x, number) => mapped(x, (each) => each - number),
    div: (x, number) => mapped(x, (each) => each / number),
    relu: (x) => mapped(x, (each) => Math.max(0, each)),
    add: (x, other) => mapped(x, (each, at) => each + other.data[at]),
    flatten: (x) => x,
    dropout: (x) => x,
    pad: padded,
    avg_pool2d: avgPool2d,
    adaptive_avg_pool2d: globalMean,
    conv2d,
    linear,
  };

  // A function from the pixels of one image, Float32Array, to its class probabilities.
  function network({ weights, steps }, shape) {
    const known = weights.map((each) => ({
      shape: each.shape,
      data: new Float32Array(bytes(each.values).buffer),
    }));
    return (pixels) => {
      const done = [], image = { shape, data: pixels };
      const given = (argument) => {
        if (argument?.step !== undefined) return argument.step < 0 ? image : done[argument.step];
        return argument?.weight !== undefined ? known[argument.weight] : argument ?? undefined;
      };
      for (const [name, ...values] of steps) done.push(OPERATIONS[name](...values.map(given)));
      const logits = done.at(-1).data, most = Math.max(...logits);
      const powers = Array.from(logits, (each) => Math.exp(each - most));
      const total = powers.reduce((a, b) => a + b);
      return powers.map((each) => each / total);
    };
  }

  globalThis.fhNetwork = { network, bytes };
})();
