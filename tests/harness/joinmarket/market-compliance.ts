/** What every kind of market promises to makers and takers: one suite over the hub, the onion channel and IRC. */
import { afterEach, describe, expect, it } from "vitest";
import type { Market } from "../../../joinmarket/channel/market.ts";
import { waitFor } from "../wait-for.ts";

/** Where bots meet in a test. */
export interface Place {
  bot(): Market;
  close(): Promise<void>;
}

export interface Heard {
  readonly market: Market;
  readonly said: string[];
  readonly arrived: Set<string>;
  readonly left: Set<string>;
  readonly channels: string[];
}

export async function started(market: Market): Promise<Heard> {
  const heard: Heard = { market, said: [], arrived: new Set(), left: new Set(), channels: [] };
  await market.start({
    onPublic: ({ from, text }) => heard.said.push(`${from} to all: ${text}`),
    onPrivate: ({ from, text }) => heard.said.push(`${from} to me: ${text}`),
    onArrived: (nick) => void heard.arrived.add(nick),
    onLeft: (nick) => void heard.left.add(nick),
    onChannel: ({ state }) => heard.channels.push(state),
  });
  return heard;
}

export function marketCompliance(name: string, open: () => Promise<Place>): void {
  describe(`the market on ${name}`, () => {
    let place: Place | undefined;
    const markets: Market[] = [];
    afterEach(async () => {
      for (const market of markets.splice(0)) await market.close();
      await place?.close();
      place = undefined;
    });

    async function bots(count: number): Promise<Heard[]> {
      place ??= await open();
      const all: Heard[] = [];
      for (let at = 0; at < count; at++) {
        const market = place.bot();
        markets.push(market);
        all.push(await started(market));
      }
      return all;
    }

    /** Two that have heard each other, as after a request for offers. */
    async function acquainted(): Promise<[Heard, Heard]> {
      const [maker, taker] = (await bots(2)) as [Heard, Heard];
      taker.market.announce("orderbook");
      await waitFor("the maker to hear the taker", () =>
        maker.said.some((said) => said.startsWith(taker.market.nick)),
      );
      await maker.market.tell(taker.market.nick, "sw0reloffer 0 100000 2500000000 0 0.00002!tbond AAAA");
      await waitFor("the taker to hear the maker", () => taker.said.length >= 2);
      return [maker, taker];
    }

    it("carries what is said to all to everybody but its sender, each command apart", async () => {
      const [a, b, c] = (await bots(3)) as [Heard, Heard, Heard];
      const all = [`${a.market.nick} to all: cancel 0`, `${a.market.nick} to all: cancel 1`];
      a.market.announce("cancel 0!cancel 1");
      await waitFor("both to hear", () => b.said.length >= 2 && c.said.length >= 2);
      expect(b.said.slice(0, 2)).toEqual(all);
      expect(c.said.slice(0, 2)).toEqual(all);
      expect(a.said).toEqual([]);
    });

    it("carries what is said on one of its channels to those of this channel only", async () => {
      const [a, b] = (await bots(2)) as [Heard, Heard];
      const [channel] = a.market.status();
      a.market.announce("cancel 0", "elsewhere");
      a.market.announce("cancel 1", channel?.id);
      await waitFor("it to be heard", () => b.said.length > 0);
      expect(b.said).toEqual([`${a.market.nick} to all: cancel 1`]);
    });

    it("carries what is said to one to nobody else, signed, each command apart and in order", async () => {
      const [maker, taker] = await acquainted();
      const [third] = (await bots(1)) as [Heard];
      expect(taker.said.slice(0, 2)).toEqual([
        `${maker.market.nick} to me: sw0reloffer 0 100000 2500000000 0 0.00002`,
        `${maker.market.nick} to me: tbond AAAA`,
      ]);
      for (let number = 0; number < 20; number++)
        await taker.market.tell(maker.market.nick, `fill ${number}`);
      const fills = () => maker.said.filter((said) => said.includes("to me: fill"));
      await waitFor("all to come", () => fills().length === 20);
      expect(fills()).toEqual(
        Array.from({ length: 20 }, (_, at) => `${taker.market.nick} to me: fill ${at}`),
      );
      expect(third.said.filter((said) => said.includes("to me"))).toEqual([]);
    });

    it("carries long messages whole, both ways at once", async () => {
      const [maker, taker] = await acquainted();
      const text = (letter: string) => `tx ${letter.repeat(3_000)}`;
      await Promise.all([
        maker.market.tell(taker.market.nick, text("m")),
        taker.market.tell(maker.market.nick, text("t")),
      ]);
      await waitFor("the maker's", () => taker.said.includes(`${maker.market.nick} to me: ${text("m")}`));
      await waitFor("the taker's", () => maker.said.includes(`${taker.market.nick} to me: ${text("t")}`));
    });

    it("tells who has left, to whom nothing can be told then", async () => {
      const [maker, taker] = await acquainted();
      expect(maker.arrived.has(taker.market.nick)).toBe(true);
      await taker.market.close();
      await waitFor("it to be missed", () => maker.left.has(taker.market.nick));
      await expect(maker.market.tell(taker.market.nick, "pubkey 0")).rejects.toMatchObject({
        code: "JOINMARKET_PEER_GONE",
      });
    });

    it("tells nothing to strangers, and nothing without arguments", async () => {
      const [maker, taker] = await acquainted();
      await expect(maker.market.tell("J5D7wbEWpGZCy3Zv", "pubkey 0")).rejects.toMatchObject({
        code: "JOINMARKET_PEER_GONE",
      });
      await expect(maker.market.tell(taker.market.nick, "pubkey")).rejects.toMatchObject({
        code: "JOINMARKET_UNSENDABLE",
      });
    });

    it("is quiet once it is closed", async () => {
      const [maker, taker] = await acquainted();
      const before = taker.said.length;
      await taker.market.close();
      maker.market.announce("cancel 0");
      await waitFor("it to be missed", () => maker.left.has(taker.market.nick));
      expect(taker.said.length).toBe(before);
    });
  });
}
