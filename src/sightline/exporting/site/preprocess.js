// From a decoded picture to the pixels a model takes, bit for bit as Sightline does it.
//
// Resizing is Pillow's: two passes (across and down), antialiased, in 8 bits, with weights of 22
// binary places. A browser's own resizing would move the answers. No imports, nothing of a page:
// this file can be used alone, in a browser, a worker or Node.js.
//
// Source of the algorithm: Pillow 13, src/libImaging/Resample.c, Geometry.c and Paste.c. Before 13,
// Pillow always went across first, which differs by one level here and there.

const PLACES = 22;

const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

// Each with its support: how far from the middle it looks, in output pixels.
const FILTERS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  hamming: [
    1,
    (x) => {
      if (x === 0) return 1;
      if (Math.abs(x) >= 1) return 0;
      // Pillow writes these two numbers in single precision.
      return sinc(x) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(x * Math.PI));
    },
  ],
  bicubic: [
    2,
    (given) => {
      const x = Math.abs(given);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
    },
  ],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

/** For each of `count` output pixels: the first input pixel it reads, and its whole weights. */
function weightsOf(size, from, to, count, [support, filter]) {
  const scale = Math.fround(to - from) / count;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  return Array.from({ length: count }, (_, place) => {
    const middle = from + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(middle - reach + 0.5));
    const last = Math.min(size, Math.trunc(middle + reach + 0.5));
    const exact = [];
    let sum = 0;
    for (let at = first; at < last; at++) {
      exact.push(filter((at - middle + 0.5) * (1 / stretch)));
      sum += exact[exact.length - 1];
    }
    const weights = exact.map((one) => {
      const whole = (sum === 0 ? one : one / sum) * 2 ** PLACES;
      return Math.trunc(whole < 0 ? whole - 0.5 : whole + 0.5);
    });
    return { first, weights: Int32Array.from(weights) };
  });
}

const HALF = 2 ** (PLACES - 1);
const clip = (sum) => Math.min(255, Math.max(0, sum >> PLACES));

function across({ data, width, height, channels }, columns) {
  const made = new Uint8Array(height * columns.length * channels);
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (const { first, weights } of columns) {
      const from = (row * width + first) * channels;
      for (let channel = 0; channel < channels; channel++, to++) {
        let sum = HALF;
        let at = from + channel;
        for (let i = 0; i < weights.length; i++, at += channels) sum += data[at] * weights[i];
        made[to] = clip(sum);
      }
    }
  }
  return { data: made, width: columns.length, height, channels };
}

function down({ data, width, channels }, rows) {
  const stride = width * channels;
  const made = new Uint8Array(rows.length * stride);
  let to = 0;
  for (const { first, weights } of rows) {
    for (let column = 0; column < stride; column++, to++) {
      let sum = HALF;
      let at = first * stride + column;
      for (let i = 0; i < weights.length; i++, at += stride) sum += data[at] * weights[i];
      made[to] = clip(sum);
    }
  }
  return { data: made, width, height: rows.length, channels };
}

/** The rows of a picture that are read, and the same weights for what is left of it. */
function onlyRead(picture, rows) {
  const { first } = rows[0];
  const { first: start, weights } = rows[rows.length - 1];
  const stride = picture.width * picture.channels;
  const data = picture.data.subarray(first * stride, (start + weights.length) * stride);
  return [
    { ...picture, data, height: data.length / stride },
    rows.map((row) => ({ ...row, first: row.first - first })),
  ];
}

function nearest({ data, width, height, channels }, columns, rows, [left, top, right, bottom]) {
  // Pillow adds step to step, so that its rounding adds up too.
  const places = (from, to, count, size) => {
    const step = Math.fround(to - from) / count;
    const found = [];
    for (let at = from + step * 0.5; found.length < count; at += step) {
      found.push(Math.min(size - 1, Math.trunc(at)));
    }
    return found;
  };
  const xs = places(left, right, columns, width);
  const made = new Uint8Array(columns * rows * channels);
  let to = 0;
  for (const y of places(top, bottom, rows, height)) {
    for (const x of xs) {
      for (let channel = 0; channel < channels; channel++, to++) {
        made[to] = data[(y * width + x) * channels + channel];
      }
    }
  }
  return { data: made, width: columns, height: rows, channels };
}

/**
 * Resize the part `box` of a picture, as Pillow's `Image.resize` does.
 *
 * @param picture {data: Uint8Array, width, height, channels}, rows of interleaved channels.
 * @param width Columns of the result.
 * @param height Rows of the result.
 * @param interpolation "nearest", "box", "bilinear", "hamming", "bicubic" or "lanczos".
 * @param box [left, top, right, bottom] in the picture's pixels, fractions allowed.
 * @returns A picture.
 */
export function resize(picture, width, height, interpolation, box) {
  const place = box.map(Math.fround); // Pillow takes it in single precision.
  const [left, top, right, bottom] = place;
  const same = { x: left === 0 && right === width && picture.width === width };
  same.y = top === 0 && bottom === height && picture.height === height;
  if (same.x && same.y) return picture;
  if (interpolation === "nearest") return nearest(picture, width, height, place);
  const filter = FILTERS[interpolation];
  if (filter === undefined) throw new Error(`Unknown interpolation ${interpolation}`);
  const columns = same.x ? null : weightsOf(picture.width, left, right, width, filter);
  if (same.y) return across(picture, columns);
  const every = weightsOf(picture.height, top, bottom, height, filter);
  if (same.x) return down(picture, every);
  const lost = { x: picture.width - width, y: picture.height - height };
  if (lost.y > 0 && lost.y > 2 * lost.x) return across(down(picture, every), columns);
  const [read, rows] = onlyRead(picture, every);
  return down(across(read, columns), rows);
}

/** Python's round: a half goes to the even neighbour. */
function round(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

// Each gives the part of the picture that is used, and what it fills of the input, as
// [left, top, right, bottom].
const FITS = {
  squash: (width, height, columns, rows) => [[0, 0, width, height], [0, 0, columns, rows]],
  crop: (width, height, columns, rows) => {
    const scale = Math.min(width / columns, height / rows);
    const left = (width - columns * scale) / 2;
    const top = (height - rows * scale) / 2;
    const right = Math.min(width, width - left);
    const bottom = Math.min(height, height - top);
    return [[Math.max(0, left), Math.max(0, top), right, bottom], [0, 0, columns, rows]];
  },
  pad: (width, height, columns, rows) => {
    const scale = Math.min(columns / width, rows / height);
    const across = Math.min(columns, Math.max(1, round(width * scale)));
    const along = Math.min(rows, Math.max(1, round(height * scale)));
    const left = Math.floor((columns - across) / 2);
    const top = Math.floor((rows - along) / 2);
    return [[0, 0, width, height], [left, top, left + across, top + along]];
  },
};

/** Put colours with transparency on a background: RGBA to RGB, rounded as Pillow rounds. */
function composite(rgba, background) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    const alpha = rgba[from + 3];
    for (let channel = 0; channel < 3; channel++, to++) {
      const sum = rgba[from + channel] * alpha + background[channel] * (255 - alpha) + 128;
      rgb[to] = (sum + (sum >> 8)) >> 8;
    }
  }
  return rgb;
}

/** ITU-R 601 luma in Pillow's whole numbers. */
function grey(rgb) {
  const made = new Uint8Array(rgb.length / 3);
  for (let from = 0, to = 0; to < made.length; from += 3, to++) {
    const sum = rgb[from] * 19595 + rgb[from + 1] * 38470 + rgb[from + 2] * 7471;
    made[to] = (sum + 0x8000) >> 16;
  }
  return made;
}

/**
 * Return a model's input for an upright picture.
 *
 * @param picture {data, width, height}: RGBA, 8 bits each, alpha not multiplied in; what
 *   `getImageData` gives.
 * @param preprocessing The record of that name on the model's card.
 * @returns Uint8Array of height * width * channels.
 */
export function preprocess({ data, width, height }, preprocessing) {
  const { height: rows, width: columns, channels, fit, interpolation, background } = preprocessing;
  const rgb = composite(data, background);
  const plain = channels === 1 ? grey(rgb) : rgb;
  const picture = { data: plain, width, height, channels };
  if (width === columns && height === rows) return plain;
  if (FITS[fit] === undefined) throw new Error(`Unknown fit ${fit}`);
  const [source, [left, top, right, bottom]] = FITS[fit](width, height, columns, rows);
  const fitted = resize(picture, right - left, bottom - top, interpolation, source);
  if (fitted.width === columns && fitted.height === rows) return fitted.data;
  const fill = channels === 1 ? grey(Uint8Array.from(background)) : background;
  const canvas = Uint8Array.from({ length: rows * columns * channels }, (_, at) => fill[at % channels]);
  for (let row = top; row < bottom; row++) {
    const from = (row - top) * fitted.width * channels;
    const line = fitted.data.subarray(from, from + fitted.width * channels);
    canvas.set(line, (row * columns + left) * channels);
  }
  return canvas;
}

/**
 * Decode an image file in a browser: upright, without colour management, as Sightline does.
 *
 * @param file A Blob or File.
 * @returns {data, width, height} for `preprocess`.
 */
export async function decode(file) {
  const bitmap = await createImageBitmap(file, {
    colorSpaceConversion: "none",
    imageOrientation: "from-image",
    premultiplyAlpha: "none",
  });
  return pixelsOf(bitmap, bitmap.width, bitmap.height);
}

/** Return {data, width, height} of what a canvas can draw: a bitmap, a video's present frame. */
export function pixelsOf(drawable, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  // Without a graphics card's copy in between: reading back is then exact.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(drawable, 0, 0);
  return { data: context.getImageData(0, 0, width, height).data, width, height };
}
