/** A maker's fidelity bond, by our directory node to a taker: named to nobody who has not asked, proven to each, and worth the same to both. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Directory } from "../actors/directory/door.ts";
import { BondJudge } from "../actors/taker/market/bond-judge.ts";
import { Gathering } from "../actors/taker/market/gathering.ts";
import { regtest } from "../bitcoin/network.ts";
import { ForeignCoins } from "../bus/chain/foreign-coins.ts";
import { type BondClaim, certifyBond, checkBondProof, proveBond } from "../joinmarket/bond/proof.ts";
import { locktimeOfTimenumber } from "../joinmarket/bond/timenumber.ts";
import type { Market } from "../joinmarket/channel/market.ts";
import { BOND_CHAIN } from "../joinmarket/wallet/paths.ts";
import { systemClock } from "../runtime/clock.ts";
import { onionBot, openDirectory } from "./harness/joinmarket/directory.ts";
import { type Heard, started } from "./harness/joinmarket/market-compliance.ts";
import { MakerWorld } from "./harness/maker/maker-world.ts";
import { waitFor } from "./harness/wait-for.ts";

/** January 2090. */
const MONTH = 70 * 12;
const BOND_SAT = 5_000_000;
const OFFER = "sw0absoffer 0 30000 900000 0 10";

let directory: Directory;
let world: MakerWorld;
let claim: BondClaim;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await openDirectory();
  world = await MakerWorld.start({ market: () => onionBot([directory.address]).market });
  const path = { mixdepth: 0, chain: BOND_CHAIN, index: MONTH };
  const { scriptPubKey, publicKey } = world.keys.key(path);
  const { txid, index } = world.fund(scriptPubKey, BOND_SAT);
  claim = { txid: txid as BondClaim["txid"], vout: index, locktime: locktimeOfTimenumber(MONTH), publicKey };
  world.mine(1);
  await world.money.follow();
  await world.until("the bond to be known", async () => (await ownValue()) !== null);
  await world.until("the maker to count with it", async () => (await world.status()).hasBond);
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await world.stop();
  await directory.stop();
});

/** What walletd says to the bond's owner. */
async function ownValue(): Promise<number | null> {
  const { bonds } = await world.walletd.as("operator").bonds(world.owned);
  return bonds[0]?.coins[0]?.value ?? null;
}

async function gathered(enough: (gathering: Gathering) => boolean): Promise<Gathering> {
  const rules = { clock: systemClock, gatherMs: 30_000, quietMs: 10 };
  const gathering = new Gathering(onionBot([directory.address]).market, rules);
  closing.push(() => gathering.close());
  await gathering.start();
  await world.until("the offers", () => enough(gathering));
  return gathering;
}

function values(gathering: Gathering, taker = gathering.nick) {
  const bus = world.walletd.busOf("taker");
  const judge = new BondJudge(bus, new ForeignCoins(bus, regtest), world.clock);
  return judge.values(gathering.book.makers(), taker);
}

const proofOf = (gathering: Gathering, nick: string) =>
  gathering.book.makers().find((maker) => maker.nick === nick)?.bondProof;

/** A stranger that answers whoever asks for offers with one, and with this proof. */
async function stranger(proof: (maker: string, taker: string) => string): Promise<Market> {
  const { market } = onionBot([directory.address]);
  closing.push(() => market.close());
  await market.start({
    onPublic: ({ from, text }) => {
      if (text === "orderbook") void market.tell(from, `${OFFER}!tbond ${proof(market.nick, from)}`);
    },
  });
  return market;
}

it("is proven in private to each who asks, and worth to a taker what it is worth to its owner", async () => {
  const { nick: maker } = await world.status();
  const { market } = onionBot([directory.address]);
  closing.push(() => market.close());
  const listener: Heard = await started(market);
  const isProven = (gathering: Gathering) => proofOf(gathering, maker) !== undefined;
  const first = await gathered(isProven);
  const second = await gathered(isProven);
  // With a bond there are other terms: they are said to all, the bond is not.
  await waitFor("somebody to ask in public", () => listener.said.some((said) => said.endsWith("orderbook")));
  expect(listener.said.filter((said) => said.includes("tbond"))).toEqual([]);

  const own = await ownValue();
  expect(own).toBeGreaterThan(0);
  for (const gathering of [first, second]) {
    const value = (await values(gathering)).get(maker);
    expect(value).toMatchObject({ outpoint: `${claim.txid}:${claim.vout}` });
    expect(value?.value).toBeCloseTo(own ?? 0, 3);
  }
  // Each was told something else, which says nothing to the other.
  expect(proofOf(first, maker)).not.toBe(proofOf(second, maker));
  expect((await values(first, second.nick)).size).toBe(0);
});

it("is worth nothing with an expired certificate, by another's nick, or when another shows what it was shown", async () => {
  const { nick: maker } = await world.status();
  const height = world.money.node.tip.height;
  const key = world.keys.privateKey({ mixdepth: 0, chain: BOND_CHAIN, index: MONTH });
  const proofBy = (expiry: number, nicks: { maker: string; taker: string }) =>
    proveBond(claim, certifyBond(key, claim.publicKey, expiry), key, nicks);
  const shown = await gathered((gathering) => proofOf(gathering, maker) !== undefined);
  const stolen = proofOf(shown, maker) ?? "";
  const liars = [
    await stranger((nick, taker) => proofBy(0, { maker: nick, taker })),
    await stranger((_, taker) => proofBy(1, { maker, taker })),
    await stranger((nick) => proofBy(1, { maker: nick, taker: shown.nick })),
    await stranger(() => stolen),
    await stranger(() => "A".repeat(336)),
  ];
  // One that lies in nothing, so that the refusals mean something: it has the key.
  const honest = await stranger((nick, taker) => proofBy(1, { maker: nick, taker }));
  await waitFor("all to be there", () => directory.bots.count === liars.length + 3);
  const nicks = [...liars, honest].map(({ nick }) => nick);
  const gathering = await gathered((each) =>
    [maker, ...nicks].every((nick) => proofOf(each, nick) !== undefined),
  );

  expect(height).toBeGreaterThan(0);
  expect(checkBondProof(stolen, { maker, taker: shown.nick }, height)).toMatchObject(claim);
  const worth = await values(gathering);
  expect([...worth.keys()].sort()).toEqual([maker, honest.nick].sort());
  // Their offers stand all the same.
  const offering = gathering.book.makers().map(({ nick }) => nick);
  expect(offering).toEqual(expect.arrayContaining(nicks));
});
