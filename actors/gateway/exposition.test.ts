import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinExpositions } from "./exposition.ts";

describe("joining the metrics of several actors", () => {
  it("puts a family together once and says of each sample whose it is", () => {
    const text = [
      "# HELP troupe_rpc_duration_seconds How long calls took.",
      "# TYPE troupe_rpc_duration_seconds histogram",
      'troupe_rpc_duration_seconds_bucket{method="tree",le="0.5"} 3 1767225600000',
      'troupe_rpc_duration_seconds_bucket{method="tree",le="+Inf"} 4 1767225600000',
      'troupe_rpc_duration_seconds_sum{method="tree"} 0.25 1767225600000',
      'troupe_rpc_duration_seconds_count{method="tree"} 4 1767225600000',
      "",
    ].join("\n");

    const joined = joinExpositions([
      { actor: "walletd", text: `# TYPE up gauge\nup 1\n${text}` },
      { actor: "maker", text: `${text}# TYPE up gauge\nup 0\n` },
    ]);

    expect(joined).toBe(
      [
        "# TYPE up gauge",
        'up{actor="walletd"} 1',
        'up{actor="maker"} 0',
        "# HELP troupe_rpc_duration_seconds How long calls took.",
        "# TYPE troupe_rpc_duration_seconds histogram",
        'troupe_rpc_duration_seconds_bucket{actor="walletd",method="tree",le="0.5"} 3',
        'troupe_rpc_duration_seconds_bucket{actor="walletd",method="tree",le="+Inf"} 4',
        'troupe_rpc_duration_seconds_sum{actor="walletd",method="tree"} 0.25',
        'troupe_rpc_duration_seconds_count{actor="walletd",method="tree"} 4',
        'troupe_rpc_duration_seconds_bucket{actor="maker",method="tree",le="0.5"} 3',
        'troupe_rpc_duration_seconds_bucket{actor="maker",method="tree",le="+Inf"} 4',
        'troupe_rpc_duration_seconds_sum{actor="maker",method="tree"} 0.25',
        'troupe_rpc_duration_seconds_count{actor="maker",method="tree"} 4',
        "",
      ].join("\n"),
    );
  });

  it("keeps an actor label that is there, leaves out target_info and what it cannot read", () => {
    const text = 'troupe_actor_state{actor="maker",state="ready"} 1\ntarget_info{a="b"} 1\nnonsense\n# EOF\n';

    expect(joinExpositions([{ actor: "supervisor", text }])).toBe(
      'troupe_actor_state{actor="maker",state="ready"} 1\n',
    );
  });

  it("is empty for nothing, and escapes names", () => {
    expect(joinExpositions([])).toBe("");
    expect(joinExpositions([{ actor: 'a"b\\', text: "x 1" }])).toBe('x{actor="a\\"b\\\\"} 1\n');
  });

  it("never names a family twice, whatever the texts", () => {
    const lineOf = fc.oneof(
      fc.constantFrom(
        "# TYPE a counter",
        "# TYPE a_total counter",
        "a_total 1",
        "a 2",
        'b{x="y"} 3',
        "# HELP b words",
      ),
      fc.string({ maxLength: 40 }),
    );
    const textOf = fc.array(lineOf, { maxLength: 20 }).map((lines) => lines.join("\n"));

    fc.assert(
      fc.property(textOf, textOf, (first, second) => {
        const joined = joinExpositions([
          { actor: "one", text: first },
          { actor: "two", text: second },
        ]);
        const types = joined.split("\n").filter((line) => line.startsWith("# TYPE "));
        expect(new Set(types).size).toBe(types.length);
      }),
    );
  });
});
