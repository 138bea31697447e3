/** One trace for each coinjoin across taker, walletd, index and mempool, and in it nothing of whom it was with or whose coins it mixed. */
import { afterEach, expect, test } from "vitest";
import { CoinjoinBox } from "../harness/coinjoin/coinjoin-box.ts";
import { Collector, type SpanRead } from "../harness/tracing/collector.ts";
import { waitFor } from "../harness/wait-for.ts";

const MAKERS = 2;
const AMOUNT_SAT = 43_210_987;

let box: CoinjoinBox | undefined;
let collector: Collector | undefined;
afterEach(async () => {
  await box?.close();
  collector?.close();
  box = undefined;
  collector = undefined;
});

test("a coinjoin is one trace from its offers to the network, without any identity", async () => {
  const heard = await Collector.listen();
  collector = heard;
  box = await CoinjoinBox.start({
    makers: MAKERS,
    takerCoins: [[100_000_000]],
    makerCoins: [[200_000_000]],
    settings: {
      "telemetry.otlp_endpoint": heard.endpoint,
      "telemetry.sample_ratio": "1",
      "taker.broadcast": "self",
    },
  });
  const makers = (await box.maker.status({})).makers;
  const run = await box.join({ makers: MAKERS, amountSat: AMOUNT_SAT });
  expect(run).toMatchObject({ phase: "done", makersSigned: MAKERS });
  await waitFor("the traces", () => heard.named("coinjoin.run").length > 0);
  const [root] = heard.named("coinjoin.run") as [SpanRead];
  const ofTrace = () => heard.spans.filter(({ traceId }) => traceId === root.traceId);
  const LAST = ["rpc walletd.signAsTaker", "rpc indexer.spenders", "rpc mempool.broadcast"];
  await waitFor("all actors' parts of it", () =>
    LAST.every((wanted) => ofTrace().some(({ actor, name }) => actor !== "taker" && name === wanted)),
  );
  await waitFor("those that they hang on", () => {
    const ids = new Set(ofTrace().map(({ spanId }) => spanId));
    return ofTrace().every((span) => span === root || ids.has(span.parentSpanId));
  });
  const spans = ofTrace();

  expect(root).toMatchObject({
    actor: "taker",
    parentSpanId: "",
    attributes: {
      "coinjoin.role": "taker",
      "coinjoin.outcome": "done",
      "coinjoin.counterparties": MAKERS,
      "coinjoin.amount_bucket": 7,
    },
  });
  const phases = spans.filter(({ name }) => name === "coinjoin.phase").sort((a, b) => a.startMs - b.startMs);
  expect(phases.map(({ attributes }) => attributes["coinjoin.phase"])).toEqual([
    ...["orderbook", "reserve", "fill", "tx", "makers-sign", "sign", "send"],
  ]);
  for (const { parentSpanId } of phases) expect(parentSpanId).toBe(root.spanId);
  const fill = phases.find(({ attributes }) => attributes["coinjoin.phase"] === "fill") as SpanRead;
  const steps = fill.events.map(({ attributes }) => [
    attributes["coinjoin.maker"],
    attributes["coinjoin.step"],
  ]);
  for (let maker = 0; maker < MAKERS; maker++) {
    expect(steps).toEqual(
      expect.arrayContaining([
        [maker, "keyed"],
        [maker, "good"],
      ]),
    );
  }

  // Each span hangs on one of this trace, each call is served by whom it was made to, in the phase that needed it.
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const phaseOf = (span: SpanRead): unknown => {
    for (let at: SpanRead | undefined = span; at !== undefined; at = byId.get(at.parentSpanId)) {
      if (at.name === "coinjoin.phase") return at.attributes["coinjoin.phase"];
    }
    return undefined;
  };
  for (const span of spans) {
    if (span !== root) expect(byId.has(span.parentSpanId), `${span.name} of ${span.actor}`).toBe(true);
  }
  const served = (actor: string) =>
    spans.filter((span) => span.actor === actor).map((span) => `${phaseOf(span)} ${span.name}`);
  expect(served("walletd")).toEqual(
    expect.arrayContaining([
      "reserve rpc walletd.reserveAsTaker",
      "fill rpc walletd.commitment",
      "sign rpc walletd.signAsTaker",
    ]),
  );
  expect(served("indexer")).toEqual(
    expect.arrayContaining(["fill rpc indexer.places", "fill rpc indexer.spenders"]),
  );
  expect(served("mempool")).toEqual(
    expect.arrayContaining(["fill rpc mempool.spenders", "send rpc mempool.broadcast"]),
  );

  // What our own makers did is told too, each for itself: nothing joins it with the taker's.
  await waitFor("the makers' parts", () => heard.named("coinjoin.session").length === MAKERS);
  for (const session of heard.named("coinjoin.session")) {
    expect(session).toMatchObject({
      actor: "maker",
      parentSpanId: "",
      attributes: {
        "coinjoin.role": "maker",
        "coinjoin.offer_type": expect.stringMatching(/^sw0(abs|rel)offer$/),
        "coinjoin.amount_bucket": 7,
        "coinjoin.phase_reached": "signed",
        "coinjoin.outcome": "signed",
      },
    });
    expect(session.traceId).not.toBe(root.traceId);
    const wanted = ["rpc walletd.reserveAsMaker", "rpc walletd.signAsMaker"];
    await waitFor("what walletd did for a maker", () => {
      const names = heard.spans.filter(({ traceId }) => traceId === session.traceId).map(({ name }) => name);
      return wanted.every((name) => names.includes(name));
    });
  }

  // Nothing that anybody was sent names a party or a coin, in whatever span it may be, the makers' included.
  const { txid } = run;
  const { coins } = await box.walletd.coins(box.own);
  const forbidden = [
    txid ?? "",
    ...makers.map(({ nick }) => nick),
    ...coins.flatMap((coin) => [coin.txid, coin.address, String(coin.amountSat)]),
    String(AMOUNT_SAT),
    ...box.wallets.map(({ session }) => session),
  ];
  const everything = Buffer.concat(heard.bodies).toString("latin1");
  for (const text of forbidden) expect(everything).not.toContain(text);
  // Every nick on the market begins so; ours are made anew for each stay and known to nobody.
  expect(everything).not.toMatch(/J5[1-9A-HJ-NP-Za-km-z]{10,14}/);
  expect(everything).not.toMatch(/bcrt1[02-9ac-hj-np-z]{20,}/);
}, 240_000);
