// Opens a TensorFlow.js graph model in Node.js, on the WebAssembly backend.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** See serve.mjs. */
export async function open(folder, packages, names) {
  const require = createRequire(join(packages, "of-ours.js"));
  const tf = require("@tensorflow/tfjs-core");
  const { loadGraphModel } = require("@tensorflow/tfjs-converter");
  const { setWasmPaths } = require("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(join(packages, "@tensorflow/tfjs-backend-wasm/dist/"));
  if (!(await tf.setBackend("wasm"))) throw new Error("no WebAssembly backend");
  const { modelTopology, weightsManifest, ...rest } = JSON.parse(readFileSync(join(folder, "model.json")));
  const shards = weightsManifest.flatMap(({ paths }) => paths.map((path) => readFileSync(join(folder, path))));
  const weightData = Uint8Array.from(Buffer.concat(shards)).buffer;
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const model = await loadGraphModel(tf.io.fromMemory({ ...rest, modelTopology, weightSpecs, weightData }));
  const shape = model.inputs[0].shape.slice(1);
  const keys = Object.keys(names);
  const run = (pixels) => {
    const input = tf.tensor(pixels, [1, ...shape], "int32");
    const outputs = model.execute(input, Object.values(names));
    const tensors = Array.isArray(outputs) ? outputs : [outputs];
    const found = Object.fromEntries(keys.map((name, place) => [name, tensors[place].dataSync().slice()]));
    tf.dispose([input, outputs]);
    return found;
  };
  return { shape, run };
}
