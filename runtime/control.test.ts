import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { ManualClock, systemClock } from "./clock.ts";
import { ControlLink, type ControlPort, threadPort } from "./control.ts";
import { TroupeError } from "./errors.ts";

class Child {
  greet(name: string): string {
    return `hello ${name}`;
  }
  refuse(): Promise<never> {
    return Promise.reject(new TroupeError({ code: "DUMMY_REFUSED", owedSat: 5 }, "not today"));
  }
  throwPlain(): never {
    // Foreign code throws such things.
    throw { odd: true };
  }
  breakInside(): never {
    throw new RangeError("too far");
  }
  never(): Promise<void> {
    return new Promise(() => {});
  }
  makeFunction(): () => void {
    return () => {};
  }
}
class Parent {
  readonly heard: string[] = [];
  tell(word: string): number {
    return this.heard.push(word);
  }
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function pair(clock = systemClock) {
  const { port1, port2 } = new MessageChannel();
  const parent = new Parent();
  const toChild = new ControlLink<Child>(threadPort(port1), "parent", parent, clock);
  const toParent = new ControlLink<Parent>(threadPort(port2), "child", new Child(), clock);
  cleanups.push(() => {
    toChild.close(new Error("test over"));
    toParent.close(new Error("test over"));
    port1.close();
  });
  return { toChild, toParent, parent, port2 };
}

describe("control link", () => {
  test("carries calls of both sides over one port", async () => {
    const { toChild, toParent, parent } = pair();

    const [greeting, length] = await Promise.all([
      toChild.call("greet", ["world"], 5_000),
      toParent.call("tell", ["news"], 5_000),
    ]);

    expect(greeting).toBe("hello world");
    expect(length).toBe(1);
    expect(parent.heard).toEqual(["news"]);
  });

  test("keeps code and data of what the other side throws", async () => {
    const { toChild } = pair();

    const error = await toChild.call("refuse", [], 5_000).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(TroupeError);
    expect(error).toMatchObject({ code: "DUMMY_REFUSED", message: "not today", data: { owedSat: 5 } });
  });

  test("lets a foreign error arrive with its words and a thrown non-error as it is", async () => {
    const { toChild } = pair();

    await expect(toChild.call("breakInside", [], 5_000)).rejects.toMatchObject({
      code: "RUNTIME_UNEXPECTED",
      message: "too far",
    });
    await expect(toChild.call("throwPlain", [], 5_000)).rejects.toEqual({ odd: true });
  });

  test("rejects a call whose deadline passes", async () => {
    const clock = new ManualClock();
    const { toChild } = pair(clock);

    const call = toChild.call("never", [], 1_000).catch((thrown: unknown) => thrown);
    clock.advance(1_000);

    expect(await call).toMatchObject({
      code: "RUNTIME_CONTROL_DEADLINE",
      data: { method: "never", deadlineMs: 1_000 },
    });
  });

  test("rejects what is pending, and all later calls, when the link is closed", async () => {
    const { toChild } = pair();
    const reason = new TroupeError({ code: "RUNTIME_CONTROL_CLOSED" }, "the child is gone");

    const pending = toChild.call("never", [], 60_000).catch((thrown: unknown) => thrown);
    toChild.close(reason);

    expect(await pending).toBe(reason);
    await expect(toChild.call("greet", ["nobody"], 5_000)).rejects.toBe(reason);
  });

  test("survives a peer that is gone: the call meets its deadline, nothing throws", async () => {
    const clock = new ManualClock();
    const { toChild, port2 } = pair(clock);
    port2.close();

    const call = toChild.call("greet", ["nobody"], 1_000).catch((thrown: unknown) => thrown);
    clock.advance(1_000);

    expect(await call).toMatchObject({ code: "RUNTIME_CONTROL_DEADLINE" });
  });

  test("answers an unserializable result with an error instead of silence", async () => {
    const { toChild } = pair();

    await expect(toChild.call("makeFunction", [], 5_000)).rejects.toThrow("Unserializable return value");
  });

  test.each([
    ["a nested path", { type: "APPLY", path: ["tell", "constructor"], argumentList: [] }],
    ["the constructor", { type: "APPLY", path: ["constructor"], argumentList: [] }],
    ["a property read", { type: "GET", path: ["heard"] }],
    ["a property write", { type: "SET", path: ["tell"], value: { type: "RAW", value: 1 } }],
    ["a construction", { type: "CONSTRUCT", path: ["tell"], argumentList: [] }],
    ["a release", { type: "RELEASE" }],
    [
      "a proxy argument",
      { type: "APPLY", path: ["tell"], argumentList: [{ type: "HANDLER", name: "proxy", value: 1 }] },
    ],
    ["no call at all", "rubbish"],
  ])("keeps shut against a hostile peer: %s", async (_name, message) => {
    let receive: (message: unknown) => void = () => {};
    const answers: unknown[] = [];
    const port: ControlPort = {
      post: (answer) => answers.push(answer),
      listen(listener) {
        receive = listener;
        return () => {};
      },
    };
    const parent = new Parent();
    const link = new ControlLink<Child>(port, "parent", parent, systemClock);
    cleanups.push(() => link.close(new Error("test over")));

    receive({ way: "up", message: typeof message === "object" ? { id: "1", ...message } : message });
    receive({
      way: "up",
      message: { id: "2", type: "APPLY", path: ["tell"], argumentList: [{ type: "RAW", value: "x" }] },
    });
    await new Promise((resolve) => setImmediate(resolve));

    expect(parent.heard).toEqual(["x"]);
    expect(answers).toEqual([{ way: "up", message: { type: "RAW", value: 1, id: "2" } }]);
  });
});
