import { afterEach, describe, expect, it } from "vitest";
import { createMetrics, type Metrics, mergeExpositions, withLabel } from "./metrics.ts";

const open: Metrics[] = [];
afterEach(async () => {
  for (const metrics of open.splice(0)) await metrics.stop();
});

function metricsOf(actor: string): Metrics {
  const metrics = createMetrics({ actor, instance: "1" });
  open.push(metrics);
  return metrics;
}

/** Names that open a family, in order; throws on a line that belongs to no open family. */
function familiesOf(text: string): string[] {
  const names: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    const [, kind, name] = /^# (HELP|TYPE|UNIT) (\S+)/.exec(line) ?? [];
    if (kind === "HELP" && name !== undefined) names.push(name);
    else if (kind === undefined && !line.startsWith(names.at(-1) ?? "?")) throw new Error(`astray: ${line}`);
  }
  return names;
}

describe("the metrics of a thread", () => {
  it("are told as Prometheus text with the actor on every line", async () => {
    const metrics = metricsOf("indexer");
    metrics.meter.createCounter("troupe_blocks_total", { description: "Blocks" }).add(3, { kind: "new" });
    metrics.meter
      .createHistogram("troupe_rpc_duration_seconds", { advice: { explicitBucketBoundaries: [0.1, 1] } })
      .record(0.5);

    const text = await metrics.collectText();

    expect(text).toContain('troupe_blocks_total{kind="new",actor="indexer",instance="1"} 3\n');
    expect(text).toContain('troupe_rpc_duration_seconds_bucket{actor="indexer",instance="1",le="1"} 1\n');
    for (const line of text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
      expect(line).toContain('actor="indexer",instance="1"');
    }
  });

  it("tell memory and the event loop, and nothing of the machine or its user", async () => {
    const text = await metricsOf("indexer").collectText();

    for (const name of [
      "troupe_eventloop_p99_seconds",
      "troupe_heap_bytes",
      "troupe_external_bytes",
      "troupe_rss_bytes",
    ]) {
      expect(text).toMatch(new RegExp(`^${name}\\{[^}]*\\} [0-9.e-]+$`, "m"));
    }
    expect(text).not.toMatch(/host|process_|command|pid|target_info|telemetry/);
  });
});

describe("merged expositions", () => {
  it("hold each family once, with the lines of all actors below it", async () => {
    const texts = await Promise.all(
      ["indexer", "maker"].map((actor) => {
        const metrics = metricsOf(actor);
        metrics.meter.createHistogram("troupe_rpc_duration_seconds").record(1);
        return metrics.collectText();
      }),
    );

    const merged = mergeExpositions(texts);

    const names = familiesOf(merged);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("troupe_rpc_duration_seconds");
    expect(merged.match(/^troupe_rpc_duration_seconds_count\{actor="(indexer|maker)"/gm)).toHaveLength(2);
  });

  it("leave out what is no exposition, and a figure that is there already", () => {
    const merged = mergeExpositions([
      '# HELP a A\n# TYPE a gauge\na{l="}"} 1\n',
      'a{l="}"} 2\na{l="x y"} NaN\n<html>\n# no registered metrics\na{broken\n',
      "",
    ]);

    expect(merged).toBe('# HELP a A\n# TYPE a gauge\na{l="}"} 1\na{l="x y"} NaN\n');
  });

  it("can be told apart by a label of whoever has asked for them", () => {
    const text = '# TYPE a gauge\na 1\na{} 2\na{l="}"} 3 17\nno sample at all\n';

    expect(withLabel(text, "host", 'b"x')).toBe(
      '# TYPE a gauge\na{host="b\\"x"} 1\na{host="b\\"x"} 2\na{l="}",host="b\\"x"} 3 17\nno sample at all\n',
    );
  });

  it("of nothing are nothing", () => {
    expect(mergeExpositions(["", "# HELP a A\n# TYPE a gauge\n"])).toBe("");
  });
});
