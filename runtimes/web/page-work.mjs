// How a page works: it asks its server for work, does it, and sends the answer back, until it is closed.

/** An error with a kind of the protocol: "unavailable", "model", "usage" or "failed". */
export function refusal(kind, message) {
  return Object.assign(new Error(message), { kind });
}

/** @param operations Functions by operation, each from a request to a promise of the answer's fields. */
export async function work(operations) {
  for (;;) {
    const response = await fetch("work");
    if (response.status === 204) continue;
    const request = await response.json();
    let answer;
    try {
      answer = await operations[request.op](request);
    } catch (error) {
      answer = { error: { kind: error?.kind ?? "failed", message: error?.message ?? String(error) } };
    }
    await fetch("answer", { method: "POST", body: JSON.stringify(answer) });
  }
}
