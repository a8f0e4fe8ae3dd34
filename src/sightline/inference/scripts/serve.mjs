// Runs an export for the Python process that started this one: pixels on standard input, numbers
// on standard output. Ends when its input ends.
//
// node serve.mjs KIND FOLDER PACKAGES OUTPUTS
//   KIND      which of the modules beside this one opens the export
//   FOLDER    the export
//   PACKAGES  a node_modules folder
//   OUTPUTS   JSON: name of the tensor for each output
//
// Each message out is the length of a JSON text (uint32, little-endian), that text, and the arrays
// it names, float32, one after the other: {"shape": [height, width, channels], "lengths": {name:
// numbers}} at first, then {} with its arrays for each image in. A last one may say {"error": text}.

import { writeSync } from "node:fs";

const [kind, folder, packages, outputs] = process.argv.slice(2);

// What the runtimes say of themselves does not belong between our messages.
for (const word of ["log", "info", "debug", "warn"]) console[word] = console.error;

function send(message, arrays = []) {
  const text = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const parts = arrays.map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength));
  const whole = Buffer.concat([length, text, ...parts]);
  let sent = 0;
  while (sent < whole.length) {
    try {
      sent += writeSync(1, whole, sent);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // A pipe that is full for the moment.
    }
  }
}

try {
  const names = JSON.parse(outputs);
  const { open } = await import(`./${kind}.mjs`);
  const model = await open(folder, packages, names);
  const size = model.shape.reduce((product, one) => product * one, 1);
  // The first run is slow, and says whether there will be a second.
  const first = await model.run(new Uint8Array(size));
  const keys = Object.keys(names);
  send({ shape: model.shape, lengths: Object.fromEntries(keys.map((name) => [name, first[name].length])) });
  let waiting = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= size) {
      // A copy of its own: a Buffer may share its memory with others.
      const given = await model.run(Uint8Array.from(waiting.subarray(0, size)));
      waiting = waiting.subarray(size);
      send({}, keys.map((name) => given[name]));
    }
  }
} catch (error) {
  send({ error: String(error?.stack ?? error) });
  process.exitCode = 1;
}
