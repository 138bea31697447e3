/** Questions that are put again while the actor that answers is away. */
import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../runtime/clock.ts";
import { TroupeError } from "../runtime/errors.ts";
import { untilAnswered } from "./patience.ts";
import type { Terminal } from "./terminal-io.ts";

describe("a question that is put until it is answered", () => {
  let clock: ManualClock;
  let stderr: PassThrough;
  let asked: boolean[];

  beforeEach(() => {
    clock = new ManualClock();
    stderr = new PassThrough();
    asked = [];
  });

  const failure = (code: string) => new TroupeError({ code }, code);

  /** Fails so at each look until `answeredAt`. */
  function put(codes: readonly string[], answeredAt = Number.POSITIVE_INFINITY) {
    const ask = async (isAgain: boolean) => {
      asked.push(isAgain);
      if (asked.length >= answeredAt) return "news";
      throw failure(codes[Math.min(asked.length, codes.length) - 1] ?? "");
    };
    return untilAnswered(ask, "The taker", { stderr } as unknown as Terminal, clock);
  }

  async function seconds(count: number) {
    for (let i = 0; i < count; i++) {
      await turn();
      clock.advance(1_000);
    }
    await turn();
  }

  it("is put again each second while the actor starts anew, and says so once", async () => {
    const answer = put(["BUS_DEADLINE", "BUS_UNAVAILABLE", "BUS_BUSY"], 5);
    await seconds(5);

    expect(await answer).toBe("news");
    expect(asked).toEqual([false, true, true, true, true]);
    expect(String(stderr.read())).toBe("The taker does not answer just now: asking again.\n");
  });

  it("is given up after two minutes", async () => {
    const answer = put(["BUS_UNAVAILABLE"]);
    const outcome = expect(answer).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
    await seconds(119);
    expect(asked.length).toBe(120);
    await seconds(10);

    await outcome;
    expect(asked.length).toBe(121);
  });

  it("is not put again when it is refused", async () => {
    const answer = put(["BUS_UNAVAILABLE", "TAKER_NO_SUCH_RUN"]);
    const outcome = expect(answer).rejects.toMatchObject({ code: "TAKER_NO_SUCH_RUN" });
    await seconds(10);

    await outcome;
    expect(asked.length).toBe(2);
  });
});
