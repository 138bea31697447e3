import { expect, it } from "vitest";
import { findProgram } from "../../../tests/harness/electrum/debian-program.ts";
import { Profanity } from "../../../tests/harness/xmpp/profanity.ts";
import { COMPONENT_DOMAIN, XMPP_DOMAIN } from "../../../tests/harness/xmpp/prosody.ts";
import { XmppWithFakeBank } from "../../../tests/harness/xmpp/xmpp.ts";

const prosody = findProgram("prosody");
const profanity = findProgram("profanity");
const tmux = findProgram("tmux");

it.skipIf([prosody, profanity, tmux].includes(undefined))(
  "profanity registers by chat, lists commands, pays by a form in two steps, and confirms a payment by chat",
  async () => {
    const whole = await XmppWithFakeBank.start(prosody as string, { accounts: ["alice"] });
    whole.bank.open("bob");
    let screen: Profanity | undefined;
    try {
      screen = await Profanity.start(profanity as string, tmux as string, whole.door.prosody, "alice");
      // A window for the gateway itself, which few clients open.
      await screen.type(`/msg ${COMPONENT_DOMAIN} register alice`);
      await screen.shows("holds the coins");
      await screen.type("yes");
      await screen.shows("Welcome, alice");
      whole.bank.change(`alice@${XMPP_DOMAIN}`, { availableSat: 100_000 });
      await screen.type("pay bob 700 beer");
      await screen.shows("confirm code01");
      await screen.type("confirm code01");
      await screen.shows("Paid 700 sat to bob");

      await screen.type(`/cmd list ${COMPONENT_DOMAIN}`);
      await screen.shows("history");
      await screen.type(`/cmd exec pay ${COMPONENT_DOMAIN}`);
      await screen.shows("field1");
      await screen.type("/field1 bob");
      await screen.type("/field2 1500");
      await screen.type("/form submit");
      await screen.shows("I confirm this payment");
      await screen.type("/field1 on");
      await screen.type("/form submit");
      // What a form has led to stands where its command was asked for.
      await screen.type("/win 2");
      await screen.shows("Paid 1500 sat to bob");
      expect(whole.bank.account(`bob@${XMPP_DOMAIN}`).availableSat).toBe(2_200);
    } finally {
      await screen?.stop();
      await whole.stop();
    }
  },
);
