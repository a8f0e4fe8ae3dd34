// Opens the model of a `web` folder in Node.js, with the folder's own modules and runtime.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runInThisContext } from "node:vm";

/** See serve.mjs. */
export async function open(folder, packages, names) {
  globalThis.self = globalThis;
  // The runtime's own scripts are not modules: a page would load them with a tag, a worker so.
  globalThis.importScripts = (address) => {
    const path = fileURLToPath(address);
    Object.assign(globalThis, { require: createRequire(path), __filename: path, __dirname: folder });
    globalThis.Module = { wasmBinary: readFileSync(path.replace(/\.js$/, ".wasm")) };
    runInThisContext(readFileSync(path, "utf8"), { filename: path });
  };
  const { openModel } = await import(pathToFileURL(join(folder, "engine.js")).href);
  return openModel(Uint8Array.from(readFileSync(join(folder, "model.tflite"))), names);
}
