// The page: what a visitor does becomes calls of the classifier, and its answers become words.

import { openClassifier } from "./classifier.js";
import { decode, pixelsOf } from "./preprocess.js";

const SHOWN = 5;
const PREVIEW = 640;

const element = (id) => document.getElementById(id);

/** Tests and consoles reach the classifier through this. */
export const classifier = openClassifier();

/** Resolves to what the self-check found. */
export const checked = classifier.then(begin).catch((error) => {
  say(`The model cannot be loaded: ${error.message}`);
  throw error;
});

async function begin(model) {
  showFacts(model.card);
  say("Give it an image.");
  element("file").disabled = false;
  const camera = navigator.mediaDevices?.getUserMedia !== undefined;
  element("camera").disabled = !camera;
  if (!camera) note("Browsers allow the camera only on https:// pages and on localhost.");
  listen(model);
  const found = await model.check();
  showCheck(found);
  return found;
}

function listen(model) {
  const drop = element("drop");
  element("file").addEventListener("change", ({ target }) => {
    if (target.files.length > 0) classifyFile(model, target.files[0]);
    target.value = ""; // So that the same file can be chosen again.
  });
  element("camera").addEventListener("click", () => (filming === null ? film(model) : stopFilming()));
  document.addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData.files.length > 0) classifyFile(model, clipboardData.files[0]);
  });
  // On the whole document: a file dropped beside the box must not replace the page.
  for (const kind of ["dragover", "drop", "dragleave"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      const file = kind === "drop" ? event.dataTransfer.files[0] : undefined;
      if (file !== undefined) classifyFile(model, file);
    });
  }
}

async function classifyFile(model, file) {
  stopFilming();
  try {
    const start = performance.now();
    const picture = await decode(file);
    const pixels = model.pixelsOfPicture(picture);
    const reading = performance.now() - start;
    preview(picture, file.name || "pasted image");
    show(model.card, await model.classify(pixels), reading);
  } catch (error) {
    clear();
    say(`This cannot be read as an image: ${error.message}`);
  }
}

// What was said of another image must not stand beside this one's name.
function clear() {
  element("preview").hidden = element("reason").hidden = true;
  element("hint").hidden = false;
  element("bars").replaceChildren();
  element("time").textContent = "";
}

let filming = null;

async function film(model) {
  const video = element("video");
  // Before the camera is asked for: whoever clicks again while it starts wants it stopped.
  const own = {};
  filming = own;
  element("camera").textContent = "Stop the camera";
  let stream;
  try {
    const wish = { video: { facingMode: "environment" }, audio: false };
    stream = await navigator.mediaDevices.getUserMedia(wish);
  } catch (error) {
    if (filming === own) stopFilming();
    note(`The camera cannot be used: ${error.message}`);
    return;
  }
  if (filming !== own) {
    stream.getTracks().forEach((track) => track.stop());
    return;
  }
  video.srcObject = stream;
  await video.play();
  element("preview").hidden = element("hint").hidden = true;
  video.hidden = false;
  while (filming === own) {
    const start = performance.now();
    const pixels = model.pixelsOfPicture(pixelsOf(video, video.videoWidth, video.videoHeight));
    const reading = performance.now() - start;
    const found = await model.classify(pixels);
    if (filming === own) show(model.card, found, reading);
    await new Promise((next) => requestAnimationFrame(next));
  }
}

function stopFilming() {
  filming = null;
  const video = element("video");
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  video.hidden = true;
  element("camera").textContent = "Use the camera";
  element("hint").hidden = !element("preview").hidden;
}

function preview({ data, width, height }, name) {
  const canvas = element("preview");
  const scale = Math.min(1, PREVIEW / Math.max(width, height));
  const whole = new OffscreenCanvas(width, height);
  whole.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", `The image: ${name}`);
  canvas.hidden = false;
  element("hint").hidden = true;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function show(card, { probabilities, distance, answer, milliseconds }, reading) {
  const words = sayAnswer(card, answer);
  say(words.answer, answer.unsure || answer.unlike);
  element("reason").textContent = words.reason;
  element("reason").hidden = words.reason === "";
  const order = [...card.classes.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const rows = order.slice(0, SHOWN).map((column) => {
    const row = document.createElement("li");
    row.className = answer.chosen[column] ? "chosen" : "";
    const bar = piece("bar", "");
    bar.style.width = `${100 * probabilities[column]}%`;
    row.append(bar, piece("name", card.classes[column]), piece("value", percent(probabilities[column])));
    return row;
  });
  element("bars").replaceChildren(...rows);
  const far = distance === null ? "" : `; distance from the training images ${distance.toFixed(3)}`;
  element("time").textContent =
    `${milliseconds.toFixed(0)} ms for the model, ${reading.toFixed(0)} ms to read the image${far}`;
}

function sayAnswer({ task }, { labels, unsure, unlike }) {
  if (unlike) {
    return {
      answer: "Unlike the training data",
      reason: "The model was not taught such images; the figures below mean little.",
    };
  }
  if (task === "multi_label") {
    const given = labels.length > 0 ? labels.join(", ") : "None of the labels";
    return { answer: given, reason: unsure ? "Of some labels the model is unsure." : "" };
  }
  if (unsure) return { answer: "Unsure", reason: "No class is probable enough for an answer." };
  return { answer: labels[0], reason: "" };
}

function piece(kind, text) {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = text;
  return made;
}

function say(text, doubtful = false) {
  const answer = element("answer");
  if (answer.textContent !== text) answer.textContent = text; // Else it would be read out again.
  answer.classList.toggle("doubtful", doubtful);
}

function note(text) {
  element("camera-note").textContent = text;
  element("camera-note").hidden = false;
}

function list(id, pairs) {
  const rows = pairs.flatMap(([term, text, kind]) => {
    const [name, value] = ["dt", "dd"].map((tag) => document.createElement(tag));
    name.textContent = term;
    value.textContent = text;
    value.className = kind ?? "";
    return [name, value];
  });
  element(id).replaceChildren(...rows);
}

function showFacts({ classes, task, preprocessing, precision, rules, verification }) {
  const { width, height, channels, fit, interpolation } = preprocessing;
  const proof = verification?.pixels;
  const promises = Object.values(rules.promises).map((text) => ["Promise", text]);
  list("facts", [
    [`Classes (${classes.length})`, classes.join(", ")],
    ["Answers with", task === "multi_label" ? "any number of labels" : "one class"],
    ["Sees", `${width} x ${height} ${channels === 1 ? "grey" : "colour"} pixels (${fit}, ${interpolation})`],
    ["Computes in", precision],
    [
      "Proof",
      proof === undefined
        ? "waived when it was exported"
        : `on ${proof.n} images its probabilities differ by at most ` +
          `${proof.max_difference.toExponential(1)} from the source's`,
    ],
    ...promises,
  ]);
}

function showCheck({ probability, png, jpg, allowed }) {
  const passed = probability <= allowed.probability && png <= allowed.png && jpg <= allowed.jpg;
  const check = element("check");
  check.textContent = passed
    ? "Passed: this browser computes and reads images as it should."
    : "Failed: answers in this browser may differ from the model's own.";
  check.className = passed ? "good" : "bad";
  const judged = (value, limit) => (value <= limit ? "good" : "bad");
  list("differences", [
    [
      "Probabilities",
      `at most ${probability.toExponential(1)} apart (allowed ${allowed.probability})`,
      judged(probability, allowed.probability),
    ],
    ["PNG files", `at most ${png} of 255 levels apart (allowed ${allowed.png})`, judged(png, allowed.png)],
    ["JPEG files", `at most ${jpg} of 255 levels apart (allowed ${allowed.jpg})`, judged(jpg, allowed.jpg)],
  ]);
}
