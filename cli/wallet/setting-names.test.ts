/** Settings by the names that a person types, and what is shown of them. */
import { describe, expect, test } from "vitest";
import { plainPaint } from "../view/terminal.ts";
import { settableName, settingHelp, settingName, settingRows } from "./setting-names.ts";
import { settingLines } from "./wallet-view.ts";

const ANSWER = {
  settings: { "POLICY.gaplimit": "30", "YIELDGENERATOR.ordertype": "sw0reloffer" },
  inForce: { "POLICY.gaplimit": "30", "POLICY.merge_algorithm": "default" },
};

describe("a setting's name", () => {
  test("is known with and without its section, in any case", () => {
    expect(settingName("gaplimit")).toBe("POLICY.gaplimit");
    expect(settingName("policy.GapLimit")).toBe("POLICY.gaplimit");
    expect(settingName("TIMEOUT.gaplimit")).toBeUndefined();
  });

  test("that nothing goes by is refused, with those that there are", () => {
    expect(() => settableName("savings")).toThrow(
      /"savings" is no setting of a wallet\. There are: merge_algorithm, .*gaplimit\. A wallet is named by --wallet\./,
    );
  });
});

describe("what is shown", () => {
  test("is all that the wallet goes by, and what others have set for themselves", () => {
    expect(settingRows(ANSWER)).toEqual([
      { name: "POLICY.merge_algorithm", value: "default", isSet: false },
      { name: "POLICY.gaplimit", value: "30", isSet: true },
      { name: "YIELDGENERATOR.ordertype", value: "sw0reloffer", isSet: true },
    ]);
  });

  test("is the one that was asked for, by its short name too, and another's by its whole one", () => {
    expect(settingRows(ANSWER, "merge_algorithm")).toHaveLength(1);
    expect(settingRows(ANSWER, "YIELDGENERATOR.ordertype")).toHaveLength(1);
    expect(() => settingRows(ANSWER, "ordertype")).toThrow(/no setting of a wallet/);
  });

  test("says whose the value is and what it does, within the width", () => {
    const lines = settingLines(settingRows(ANSWER), plainPaint, 80);
    expect(lines[0]).toBe("SETTING                   VALUE");
    expect(lines[1]?.trimEnd()).toBe("POLICY.merge_algorithm    default      as usual");
    expect(lines[2]).toBe("  which coins a payment takes: default, gradual, greedy, greediest or random");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.at(-1)).toBe("  of another program; nothing here goes by it");
  });

  test("is in the help too, each with its meaning", () => {
    expect(settingHelp()).toContain("  tx_fees\n      the fee: blocks to wait");
  });
});
