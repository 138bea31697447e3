import type { Server } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebBrowser } from "../../../tests/harness/browser/chromium.ts";
import { findProgram } from "../../../tests/harness/electrum/debian-program.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import {
  ConverseScreens,
  findConverse,
  serveConverse,
  type Transport,
} from "../../../tests/harness/xmpp/converse.ts";
import { COMPONENT_DOMAIN, XMPP_DOMAIN } from "../../../tests/harness/xmpp/prosody.ts";
import { XmppWithFakeBank } from "../../../tests/harness/xmpp/xmpp.ts";

const prosody = findProgram("prosody");
const chromium = findProgram("chromium");
const converse = findConverse();
const isMissing = [prosody, chromium, converse].includes(undefined);

const WALLET = `wallet@${COMPONENT_DOMAIN}`;

describe.skipIf(isMissing)("converse.js in a browser", () => {
  let whole: XmppWithFakeBank;
  let server: Server;
  let browser: WebBrowser;
  beforeAll(async () => {
    whole = await XmppWithFakeBank.start(prosody as string, {
      accounts: ["alice", "carol"],
      isPrivileged: true,
      takesFiles: true,
    });
    whole.bank.open("bob");
    server = await serveConverse(converse as string);
    browser = await WebBrowser.start(chromium as string);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    await whole?.stop();
  });

  it.each<[Transport, string]>([
    ["websocket", "alice"],
    ["bosh", "carol"],
  ])(
    "over %s: %s registers, sees contacts, codes and receipts, is told of coins, and pays by a form",
    async (transport, name) => {
      const jid = `${name}@${XMPP_DOMAIN}`;
      const before = whole.bank.accounts.get("bob@example.test")?.availableSat ?? 0;
      const screens = new ConverseScreens(await browser.newPage());
      await screens.logIn(server, whole.door.prosody, name, transport);
      await screens.openChat(WALLET);
      expect(await screens.say(`register ${name}`)).toContain("holds the coins");
      expect(await screens.say("yes")).toContain(`Welcome, ${name}`);
      await waitFor("the contacts", async () => {
        const { names, pictures } = await screens.contacts("Bitcoin");
        return names.join() === "Bitcoin,Bitcoin gateway" && pictures === 2;
      });

      expect(await screens.say("receive rent")).toContain("Your address: bcrt1");
      // What a phone reads off the screen: 33 modules and their margin, four pixels each.
      expect(await screens.pictureWidth()).toBeGreaterThan(100);
      whole.bank.change(jid, { availableSat: 100_000 });
      whole.bank.notify({ jid, kind: "deposit.credited", amountSat: 100_000, balanceSat: 100_000 });
      await screens.isTold("100000 sat");
      await screens.isReceived(name);

      await screens.openCommand(COMPONENT_DOMAIN, "Pay a user");
      await screens.fill("to", "bob");
      await screens.fill("amount", "1500");
      await screens.press("next");
      await screens.isShown("Pay 1500 sat to bob");
      await screens.check("confirm");
      await screens.press("complete");
      await screens.isShown("Paid 1500 sat to bob");
      expect(whole.bank.account("bob@example.test").availableSat).toBe(before + 1_500);
    },
  );
});
