// What a model's numbers mean: probabilities, and the model's own rules. Data comes from the card.

/** Read a safetensors file: {name: {dtype, shape, data}}, data as a typed array. */
export function readTensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const kinds = { F32: Float32Array, U8: Uint8Array, I8: Int8Array };
  const found = {};
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (kinds[dtype] === undefined) continue;
    const [start, end] = offsets.map((offset) => offset + 8 + length);
    found[name] = { dtype, shape, data: new kinds[dtype](buffer.slice(start, end)) };
  }
  return found;
}

/** Return what `outputs` say of each class: their own probabilities, or those of their logits. */
export function probabilitiesOf(outputs, card) {
  if (outputs.probabilities !== undefined) return Array.from(outputs.probabilities);
  const { temperature, task } = card;
  const scaled = Array.from(
    outputs.logits,
    (logit, column) => logit / temperature[temperature.length > 1 ? column : 0],
  );
  if (task === "multi_label") return scaled.map((one) => Math.fround(1 / (1 + Math.exp(-one))));
  const largest = Math.max(...scaled);
  const powers = scaled.map((one) => Math.exp(one - largest));
  const sum = powers.reduce((total, one) => total + one, 0);
  return powers.map((one) => Math.fround(one / sum));
}

/** Return the cosine distance of an embedding from the third nearest of the training's, 0 to 2. */
export function distanceOf(embedding, reference) {
  const [count, width] = reference.shape;
  const length = Math.hypot(...embedding) || 1;
  const nearest = [-2, -2, -2];
  for (let row = 0; row < count; row++) {
    let product = 0;
    let squares = 0;
    for (let column = 0; column < width; column++) {
      const value = reference.data[row * width + column];
      product += value * embedding[column];
      squares += value * value;
    }
    const likeness = squares === 0 ? 0 : product / (Math.sqrt(squares) * length);
    if (likeness > nearest[2]) {
      nearest[2] = likeness;
      nearest.sort((a, b) => b - a);
    }
  }
  return 1 - nearest[2];
}

/**
 * Apply a model's rules.
 *
 * @param probabilities One for each class.
 * @param distance From the training images, or null where the model does not know.
 * @param card The export's card.
 * @returns {labels, chosen, unsure, unlike}: the classes that make up the answer; for each class
 *   whether it is chosen; whether the answer is too unsure to be given; whether the image is
 *   unlike the training data, and so has no answer.
 */
export function answerOf(probabilities, distance, { classes, task, rules }) {
  const given = task === "multi_label" ? labelled : best;
  const chosen = given(probabilities, classes, rules);
  const confidence = probabilities.map((one, column) => (chosen[column] ? one : 1 - one));
  const limits = rules.unsure_below;
  const doubtful = (column) => {
    const limit = limits[limits.length > 1 ? column : 0];
    return limit !== undefined && Math.fround(confidence[column]) < Math.fround(limit);
  };
  const columns = [...classes.keys()];
  const unlike =
    rules.unlike_above !== null && distance !== null && distance > Math.fround(rules.unlike_above);
  const judged = task === "multi_label" ? columns : columns.filter((column) => chosen[column]);
  const sure = columns.filter((column) => chosen[column] && !doubtful(column));
  return { labels: sure.map((column) => classes[column]), chosen, unsure: judged.some(doubtful), unlike };
}

function labelled(probabilities, classes, { thresholds }) {
  return probabilities.map((one, column) => one >= Math.fround(thresholds[column] ?? 0.5));
}

function best(probabilities, classes, { positive }) {
  let winner = probabilities.indexOf(Math.max(...probabilities));
  if (positive) {
    const column = classes.indexOf(positive[0]);
    winner = probabilities[column] >= Math.fround(positive[1]) ? column : 1 - column;
  }
  return classes.map((_, column) => column === winner);
}
