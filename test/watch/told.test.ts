import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Told } from "#src/watch/told.js";

describe("what a look finds is told", () => {
  it("once", () => {
    const looks = lookingAt(() => "DISK_FULL");
    assert.deepEqual([looks(), looks(), looks()], [1, 0, 0]);
  });

  it("each time it is another fact, also where only a release's name differs", () => {
    let commit = 0;
    const looks = lookingAt(() => `app-${(commit += 1)}f8c36813eb.mjs is in the way`);
    assert.deepEqual([looks(), looks()], [1, 1]);
  });

  it("not anew after a look that failed, and could tell nothing", () => {
    const told = new Told();
    let times = 0;
    told.once("it", "closed", () => (times += 1));
    told.endLook();
    told.keepAll();
    told.endLook();
    told.once("it", "closed", () => (times += 1));
    assert.equal(times, 1);
  });

  it("anew when it was otherwise in between, and not when a look could not tell", () => {
    let fact: string | undefined = "closed";
    const looks = lookingAt(() => fact);
    assert.equal(looks(), 1);
    fact = undefined;
    assert.equal(looks(), 0);
    fact = "closed";
    assert.equal(looks(), 1);
    fact = "kept";
    assert.equal(looks(), 0);
    fact = "closed";
    assert.equal(looks(), 0);
  });
});

/** Looks, finds a fact of one subject, or none, or "kept", and gives how often it was told. */
function lookingAt(fact: () => string | undefined): () => number {
  const told = new Told();
  return () => {
    const found = fact();
    let times = 0;
    if (found === "kept") told.keep("it");
    else if (found !== undefined) told.once("it", found, () => (times += 1));
    told.endLook();
    return times;
  };
}
