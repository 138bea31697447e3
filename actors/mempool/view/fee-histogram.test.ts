import { describe, expect, it } from "vitest";
import { binned, estimateTarget, feeHistogram } from "./fee-histogram.ts";

describe("the fee histogram", () => {
  it.each([
    [[[1, 30_000]], []],
    [[[1, 30_001]], [[1, 30_001]]],
    [
      [
        [5, 20_000],
        [4, 20_000],
      ],
      [[4, 40_000]],
    ],
    [
      [
        [10, 10_000],
        [9, 70_000],
        [1, 1_000_000],
      ],
      [
        [10, 10_000],
        [9, 70_000],
        [1, 1_000_000],
      ],
    ],
    [
      [
        [9, 70_000],
        [1, 1_000_000],
      ],
      [
        [9, 70_000],
        [1, 1_000_000],
      ],
    ],
    [
      [10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((rate) => [rate, 15_000]),
      [
        [8, 45_000],
        [5, 45_000],
        [2, 45_000],
      ],
    ],
    [
      [
        [2.5, 12_000],
        [2.4, 12_000],
        [2.3, 12_000],
        [2.2, 61_000],
        [1.1, 5_000],
        [1, 500_000],
        [0.1, 100],
      ],
      [
        [2.3, 36_000],
        [2.2, 61_000],
        [1.1, 5_000],
        [1, 500_000],
      ],
    ],
  ] as [[number, number][], [number, number][]][])("of %j is ElectrumX's: %j", (rates, bins) =>
    expect(binned(rates)).toEqual(bins),
  );

  it("rounds rates down to tenths and goes downwards", () => {
    const entries = [
      { feeSat: 199, sizeVb: 100 },
      { feeSat: 190, sizeVb: 100 },
      { feeSat: 500_000, sizeVb: 40_000 },
      { feeSat: 76_000, sizeVb: 40_000 },
    ];
    expect(feeHistogram(entries)).toEqual([
      [12.5, 40_000],
      [1.9, 40_200],
    ]);
  });

  it.each([
    [0, 1],
    [1, 1],
    [2, 2],
    [12, 12],
    [13, 12],
    [14, 14],
    [24, 24],
    [25, 25],
    [26, 26],
    [27, 26],
    [47, 46],
    [48, 48],
    [49, 48],
    [71, 48],
    [72, 72],
    [144, 144],
    [500, 480],
    [1_008, 1_008],
    [5_000, 1_008],
  ])("the target %i is asked as %i", (blocks, target) => expect(estimateTarget(blocks)).toBe(target));
});
