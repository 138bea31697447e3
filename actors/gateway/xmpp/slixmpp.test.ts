import { expect, it } from "vitest";
import { findProgram, findPythonWith } from "../../../tests/harness/electrum/debian-program.ts";
import { COMPONENT_DOMAIN, XMPP_DOMAIN } from "../../../tests/harness/xmpp/prosody.ts";
import { SlixmppSession } from "../../../tests/harness/xmpp/slixmpp.ts";
import { XmppWithFakeBank } from "../../../tests/harness/xmpp/xmpp.ts";
import { GATEWAY } from "./disco/abilities.ts";
import { capsHash } from "./disco/caps.ts";

const prosody = findProgram("prosody");
const python = findPythonWith("slixmpp");

const COLUMNS = ["date", "direction", "amount", "fee", "counterpart", "memo", "confirmations", "reference"];

it.skipIf(prosody === undefined || python === undefined)(
  "slixmpp finds the door, registers by form, pays after a mistake, looks back, and sees codes and cards",
  async () => {
    const whole = await XmppWithFakeBank.start(prosody as string, { accounts: ["alice"] });
    whole.bank.open("bob");
    let session: SlixmppSession | undefined;
    try {
      session = await SlixmppSession.start(python as string, {
        clientPort: whole.door.prosody.clientPort,
        jid: `alice@${XMPP_DOMAIN}/slix`,
        password: "pw-alice",
        gateway: COMPONENT_DOMAIN,
      });
      whole.bank.change(`alice@${XMPP_DOMAIN}`, { availableSat: 100_000 });
      const seen = await session.finish();
      expect(seen).toMatchObject({
        identities: ["automation/command-list", "gateway/bitcoin"],
        features: [...GATEWAY.features].sort(),
        // Its own hash of what it was told.
        ver: capsHash(GATEWAY),
        items: [`wallet@${COMPONENT_DOMAIN}`],
        register_fields: ["FORM_TYPE", "username", "lang", "terms"],
        registered: "result",
        pay_fields: ["to", "amount", "unit", "memo"],
        pay_wrong: expect.stringMatching(/^error: .*no amount/),
        pay_recap: expect.stringMatching(/1500 sat to bob[\s\S]*98500 sat/),
        pay_done: expect.stringMatching(/^info: Paid 1500 sat to bob/),
        history_status: "completed",
        history_columns: COLUMNS,
        history_rows: 1,
        address: expect.stringMatching(/^bcrt1/),
        card_url: `bitcoin:${seen["address"]}`,
        ping: true,
        version: "Troupe",
        uptime: expect.any(Number),
        receipt_is_ours: true,
        balance: expect.stringContaining("98500 sat"),
      });
      expect(seen["picture_cid"]).toBe(`sha1+${seen["picture_sha1"]}@bob.xmpp.org`);
      expect(seen["picture_again_sha1"]).toBe(seen["picture_sha1"]);
      expect(seen["avatar_sha1"]).toBe(seen["avatar_id"]);
      expect(seen["card_photo_sha1"]).toBe(seen["avatar_id"]);
    } finally {
      session?.stop();
      await whole.stop();
    }
  },
);
