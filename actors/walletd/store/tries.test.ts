import { expect, it } from "vitest";
import { HastyClock } from "../../../tests/harness/walletd/walletd-under-test.ts";
import { refusals } from "./refusals.ts";
import { Tries } from "./tries.ts";

const YEAR_MS = 365 * 86_400_000;
const wrong = () => Promise.reject(refusals.wrongPassword("w"));
const right = () => Promise.resolve("open");

it("a wait after wrong passwords is as long as it is, whatever the host's clock is set to, for the right one too", async () => {
  const clock = new HastyClock();
  const tries = new Tries(clock);
  for (let i = 0; i < 10; i++) {
    await expect(tries.guard("w", wrong)).rejects.toMatchObject({ code: "WALLETD_WRONG_PASSWORD" });
    if (i >= 2) clock.pass(60_000);
  }
  await expect(tries.guard("w", wrong)).rejects.toMatchObject({ code: "WALLETD_WRONG_PASSWORD" });
  const asked = () => tries.guard("w", right);
  for (const jumpMs of [YEAR_MS, -2 * YEAR_MS]) {
    clock.jump(jumpMs);
    const refusal = await asked().catch((error) => error);
    expect(refusal).toMatchObject({ code: "WALLETD_TOO_MANY_TRIES" });
    // For programs: whole milliseconds, and no more than a minute.
    expect(Number.isInteger(refusal.data.retryAfterMs)).toBe(true);
    expect(refusal.data.retryAfterMs).toBeLessThanOrEqual(60_000);
  }
  // Another wallet has nothing to do with it.
  await expect(tries.guard("other", right)).resolves.toBe("open");
  clock.pass(60_000);
  await expect(asked()).resolves.toBe("open");
  // And then it begins anew.
  await expect(tries.guard("w", wrong)).rejects.toMatchObject({ code: "WALLETD_WRONG_PASSWORD" });
  await expect(asked()).resolves.toBe("open");
});
