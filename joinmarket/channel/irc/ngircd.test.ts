import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { findProgram } from "../../../tests/harness/electrum/debian-program.ts";
import { marketCompliance, started } from "../../../tests/harness/joinmarket/market-compliance.ts";
import { IRC_NETWORK, type IrcServer, startNgircd } from "../../../tests/harness/joinmarket/ngircd.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { NickIdentity } from "../../nick/identity.ts";
import { Channels } from "../channels.ts";
import { IrcChannel, type IrcChannelOptions } from "./irc-channel.ts";

const ngircd = findProgram("ngircd");

describe.skipIf(ngircd === undefined)("IRC on a real ngircd", () => {
  let server: IrcServer;
  beforeAll(async () => {
    server = await startNgircd(ngircd as string);
  });
  afterAll(() => server.stop());

  function bot(isTls: boolean, options: Partial<IrcChannelOptions> = {}, identity = NickIdentity.random()) {
    const channel = new IrcChannel({
      server: { host: isTls ? "localhost" : "127.0.0.1", port: isTls ? server.tlsPort : server.port },
      isTls,
      nick: identity.nick,
      network: "regtest",
      socks: undefined,
      clock: systemClock,
      linePauseMs: 2,
      authority: server.authority,
      ...options,
    });
    const market = new Channels({ identity, channels: [channel], clock: systemClock, log: silentLog() });
    return { channel, market };
  }

  const nothing = async () => undefined;
  marketCompliance("IRC", async () => ({ bot: () => bot(false).market, close: nothing }));
  marketCompliance("IRC with TLS", async () => ({ bot: () => bot(true).market, close: nothing }));

  it("has the name that the server gives its network, by which messages are signed", async () => {
    const { channel, market } = bot(false);
    expect(channel.hostid).toBe(`127.0.0.1${server.port}`);
    await market.start({});
    expect(channel.hostid).toBe(IRC_NETWORK);
    await market.close();
  });

  it("does not speak to a server whose certificate it cannot check, and says why", async () => {
    const { channel, market } = bot(true, { authority: "" });
    market.start({}).catch(() => undefined);
    await waitFor("it to be down", () => channel.statuses()[0]?.state === "down");
    expect(channel.statuses()[0]?.error).toMatch(/certificate/);
    await market.close();
  });

  it("keeps its nick when another has it, and comes in as soon as that one has gone", async () => {
    const identity = NickIdentity.random();
    const first = bot(false, {}, identity);
    await first.market.start({});
    const second = bot(false, {}, identity);
    const coming = started(second.market);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(second.channel.isUp).toBe(false);
    await first.market.close();
    await coming;
    expect(second.channel.isUp).toBe(true);
    await second.market.close();
  });
});
