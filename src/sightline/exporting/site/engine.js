// Runs the model with LiteRT.js, from files of this folder alone.

import { Tensor, loadAndCompile, loadLiteRt } from "./litert/index.js";

/**
 * Open the model.
 *
 * @param content The bytes of model.tflite.
 * @param names Name of the graph's tensor for each output (the card's `outputs`).
 * @returns {shape, run}: [height, width, channels], and a function from uint8 pixels of that shape
 *   to a Float32Array for each output.
 */
export async function openModel(content, names) {
  await loadLiteRt(new URL("./litert/", import.meta.url).href);
  const model = await loadAndCompile(content, { accelerator: "wasm" });
  const inputs = model.getInputDetails();
  const found = new Map(model.getOutputDetails().map(({ name }, place) => [name, place]));
  // A graph with a signature gives its outputs the signature's names, which are ours.
  const places = Object.entries(names).map(([name, tensor]) => [name, found.get(tensor) ?? found.get(name)]);
  const missing = places.filter(([, place]) => place === undefined).map(([name]) => name);
  if (inputs.length !== 1 || inputs[0].dtype !== "uint8" || missing.length > 0) {
    throw new Error(`not the graph that its card describes (missing: ${missing.join(", ") || "none"})`);
  }
  const whole = Array.from(inputs[0].shape);
  const run = async (pixels) => {
    const input = new Tensor(pixels, whole);
    const outputs = await model.run(input);
    const given = {};
    for (const [name, place] of places) given[name] = outputs[place].toTypedArray().slice();
    // Memory of WebAssembly is freed by hand.
    input.delete();
    outputs.forEach((output) => output.delete());
    return given;
  };
  return { shape: whole.slice(1), run };
}
