import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Aside } from "#src/watch/aside.js";
import { until } from "../rig/until.js";

const SOON_MS = 20;

/** Work that ends when it is told to, or gives "given up" when its signal aborts. */
class Task {
  begun = 0;
  end = (_result: string): void => {};
  readonly work = (signal: AbortSignal): Promise<string> => {
    this.begun += 1;
    return new Promise((done) => {
      this.end = done;
      signal.addEventListener("abort", () => done("given up"));
      if (signal.aborted) done("given up");
    });
  };
}

describe("work aside", () => {
  it("gives at once what is done soon, and what it throws", async () => {
    const aside = new Aside<string>(10_000);
    assert.equal(await aside.ask("quick", () => Promise.resolve("done")), "done");
    await assert.rejects(
      aside.ask("bad", () => Promise.reject(new Error("bad"))),
      /bad/,
    );
  });

  it("goes on while it is asked for, is begun once, and gives its result once", async () => {
    const aside = new Aside<string>(SOON_MS);
    const task = new Task();
    for (let look = 0; look < 3; look++) {
      assert.equal(await aside.ask("slow", task.work), undefined);
      aside.giveUpUnasked();
    }
    assert.equal(task.begun, 1);
    task.end("done");
    assert.equal(await until("its end", () => aside.ask("slow", task.work)), "done");
    assert.equal(await aside.ask("slow", task.work), undefined);
    assert.equal(task.begun, 2);
    await aside.close();
  });

  it("is given up when it is not asked for, and begun anew when it is again", async () => {
    const aside = new Aside<string>(SOON_MS);
    const [first, second] = [new Task(), new Task()];
    let gaveUp = false;
    await aside.ask("first", async (signal) => {
      const result = await first.work(signal);
      gaveUp = result === "given up";
      return result;
    });
    aside.giveUpUnasked();
    await aside.ask("second", second.work);
    aside.giveUpUnasked();
    await until("the first is given up", () => gaveUp);
    assert.equal(await aside.ask("first", first.work), undefined);
    assert.deepEqual([first.begun, second.begun], [2, 1]);
    await aside.close();
  });

  it("ends with its close, also what is begun after that", async () => {
    const aside = new Aside<string>(SOON_MS);
    await aside.ask("slow", new Task().work);
    await aside.close();
    assert.equal(await aside.ask("slow", new Task().work), "given up");
    assert.equal(await aside.ask("late", new Task().work), "given up");
  });
});
