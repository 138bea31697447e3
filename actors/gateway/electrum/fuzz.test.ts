import { expect, it } from "vitest";
import { ElectrumFuzz } from "../../../tests/harness/electrum/fuzz.ts";

it("gives hostile clients the answers that are theirs, a wallet among them is always served, and nothing stays behind", async () => {
  const fuzz = await ElectrumFuzz.start(20_261_121);

  await fuzz.run(20_000);
  await fuzz.settled();

  expect(fuzz.report.answers).toBeGreaterThan(5_000);
  expect([...fuzz.under.door.parts.tally.errors.keys()].sort()).toEqual(
    expect.arrayContaining([-32_700, -32_603, -32_602, -32_601, -32_600, 1]),
  );
  await fuzz.close();
}, 120_000);
