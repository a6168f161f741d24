// Greedy CTC decoding: the best label of each frame, repeats merged, blanks (label 0) dropped.

/** Returns the text of logits { shape: [1, t, k], data }; symbols[i] has label i + 1. */
export function decode({ shape: [, frames, classes], data }, symbols) {
  let text = "";
  let previous = -1;
  for (let t = 0; t < frames; t++) {
    let best = 0;
    for (let label = 1; label < classes; label++) {
      if (data[t * classes + label] > data[t * classes + best]) best = label;
    }
    if (best !== previous && best !== 0) text += symbols[best - 1];
    previous = best;
  }
  return text;
}
