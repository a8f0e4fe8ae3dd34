// The whole classifier without a page: card, arrays, model, preprocessing and rules.

import { answerOf, distanceOf, probabilitiesOf, readTensors } from "./answers.js";
import { openModel } from "./engine.js";
import { decode, preprocess } from "./preprocess.js";

// What Sightline allows of an export, and of another decoder: levels of 255.
const ALLOWED = { png: 1, jpg: 12 };

async function content(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}

/** Load everything from this folder. */
export async function openClassifier() {
  const [card, arrays, graph] = await Promise.all(
    ["sightline.json", "sightline.safetensors", "model.tflite"].map(content),
  );
  const facts = JSON.parse(new TextDecoder().decode(card));
  const model = await openModel(new Uint8Array(graph), facts.outputs);
  return new Classifier(facts, readTensors(arrays), model);
}

class Classifier {
  constructor(card, tensors, model) {
    this.card = card;
    this.tensors = tensors;
    this.model = model;
  }

  /** Return the model's pixels for an image file (a Blob). */
  async pixelsOfFile(file) {
    return preprocess(await decode(file), this.card.preprocessing);
  }

  /** Return the model's pixels for a picture {data, width, height} in RGBA. */
  pixelsOfPicture(picture) {
    return preprocess(picture, this.card.preprocessing);
  }

  /** Return {probabilities, distance, answer, milliseconds} for the model's pixels. */
  async classify(pixels) {
    const start = performance.now();
    const outputs = await this.model.run(pixels);
    const milliseconds = performance.now() - start;
    const probabilities = probabilitiesOf(outputs, this.card);
    const { reference } = this.tensors;
    const known = reference !== undefined && outputs.embedding !== undefined;
    const distance = known ? distanceOf(outputs.embedding, reference) : null;
    const answer = answerOf(probabilities, distance, this.card);
    return { probabilities, distance, answer, milliseconds };
  }

  /**
   * Repeat the golden vectors.
   *
   * @returns {probability, png, jpg, allowed}: the largest differences of probabilities and, for
   *   each kind of file, of levels; and how large they may be.
   */
  async check() {
    const { pixels, probabilities } = this.tensors;
    const classes = this.card.classes.length;
    const size = pixels.data.length / pixels.shape[0];
    let probability = 0;
    for (let row = 0; row < pixels.shape[0]; row++) {
      const given = await this.classify(pixels.data.slice(row * size, (row + 1) * size));
      for (let column = 0; column < classes; column++) {
        const expected = probabilities.data[row * classes + column];
        probability = worst(probability, expected, given.probabilities[column]);
      }
    }
    const levels = { png: 0, jpg: 0 };
    for (const [name, { data }] of Object.entries(this.tensors)) {
      const kind = name.split(".").pop();
      if (!(kind in levels)) continue;
      const given = await this.pixelsOfFile(new Blob([await content(name)]));
      data.forEach((level, at) => {
        levels[kind] = worst(levels[kind], level, given[at]);
      });
    }
    return { probability, ...levels, allowed: { ...ALLOWED, probability: this.allowedProbability() } };
  }

  /** How far probabilities may be from the golden ones, in this precision. */
  allowedProbability() {
    return this.card.golden.difference;
  }
}

/** The larger of a difference so far and |a - b|; what is no number is infinitely different. */
function worst(so, a, b) {
  const difference = Math.abs(a - b);
  return Number.isNaN(difference) ? Infinity : Math.max(so, difference);
}
