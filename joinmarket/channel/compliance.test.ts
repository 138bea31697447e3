import { systemClock } from "../../runtime/clock.ts";
import { onionBot, openDirectory } from "../../tests/harness/joinmarket/directory.ts";
import { marketCompliance } from "../../tests/harness/joinmarket/market-compliance.ts";
import { MarketHub } from "../../tests/harness/joinmarket/market-hub.ts";

marketCompliance("the hub", async () => {
  const hub = new MarketHub({ clock: systemClock });
  return { bot: () => hub.market(), close: async () => undefined };
});

marketCompliance("one directory", async () => {
  const directory = await openDirectory();
  return { bot: () => onionBot([directory.address]).market, close: () => directory.stop() };
});

marketCompliance("two directories, with direct connections", async () => {
  const both = [await openDirectory(), await openDirectory()];
  const addresses = both.map(({ address }) => address);
  const serving = { listen: { host: "127.0.0.1", port: 0 } };
  return {
    bot: () => onionBot(addresses, { serving }).market,
    close: async () => {
      for (const directory of both) await directory.stop();
    },
  };
});
