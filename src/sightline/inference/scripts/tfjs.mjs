// Opens a TensorFlow.js graph model in Node.js, on the WebAssembly backend.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

/** See serve.mjs. */
export async function open(folder, packages, outputs) {
  const require = createRequire(join(packages, "of-ours.js"));
  const tf = require("@tensorflow/tfjs-core");
  const { loadGraphModel } = require("@tensorflow/tfjs-converter");
  const { setWasmPaths } = require("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(join(packages, "@tensorflow/tfjs-backend-wasm/dist/"));
  if (!(await tf.setBackend("wasm"))) throw new Error("no WebAssembly backend");
  const { modelTopology, weightsManifest, ...rest } = JSON.parse(readFileSync(join(folder, "model.json")));
  const names = weightsManifest.flatMap(({ paths }) => paths);
  // The card vouches for files of the folder, and model.json could name any other.
  const strange = names.find((name) => name !== basename(name));
  if (strange !== undefined) throw new Error(`the weights are said to be elsewhere: ${strange}`);
  const shards = names.map((name) => readFileSync(join(folder, name)));
  const weightData = Uint8Array.from(Buffer.concat(shards)).buffer;
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const model = await loadGraphModel(tf.io.fromMemory({ ...rest, modelTopology, weightSpecs, weightData }));
  const shape = model.inputs[0].shape.slice(1);
  const keys = Object.keys(outputs);
  const run = (pixels) => {
    const input = tf.tensor(pixels, [1, ...shape], "int32");
    const given = model.execute(input, Object.values(outputs));
    const tensors = Array.isArray(given) ? given : [given];
    const found = Object.fromEntries(keys.map((name, place) => [name, tensors[place].dataSync().slice()]));
    tf.dispose([input, given]);
    return found;
  };
  return { shape, run };
}
